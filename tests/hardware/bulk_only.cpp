// SPDX-License-Identifier: Apache-2.0
#include "tests/hardware/bulk_only.h"

#include <algorithm>
#include <cstring>

namespace opendext::hardware {
namespace {

using backends::UsbOutcome;
using backends::UsbStatus;
using backends::UsbTransferType;

constexpr size_t kCommandBytes = 31;
constexpr size_t kStatusBytes = 13;
constexpr uint32_t kCommandSignature = 0x43425355;
constexpr uint32_t kStatusSignature = 0x53425355;

}  // namespace

bool IsDiskContent(std::span<const std::byte> bytes, uint64_t offset) {
    for (size_t i = 0; i + sizeof(uint32_t) <= bytes.size(); i += sizeof(uint32_t)) {
        uint32_t word = 0;
        std::memcpy(&word, bytes.data() + i, sizeof(word));
        if (word != (offset + i) / sizeof(uint32_t)) {
            return false;
        }
    }
    return true;
}

BulkOnlyDisk::BulkOnlyDisk(WireRig &rig, const backends::UsbAttachment &attachment) : rig_(rig) {
    for (const backends::UsbEndpoint &endpoint :
         attachment.descriptors.configurations.front().settings.front().endpoints) {
        (endpoint.address.is_in() ? in_ : out_) = endpoint.address;
    }
}

std::shared_ptr<Request> BulkOnlyDisk::MakeIn(uint64_t num_bytes, uint64_t span_bytes) {
    return std::make_shared<Request>(UsbTransferType::kBulk, in_, num_bytes, span_bytes);
}

BulkOnlyDisk::Answer BulkOnlyDisk::Read(uint32_t block, Request &data) {
    const auto num_blocks = static_cast<uint16_t>(data.memory.size() / kBlockBytes);
    const std::array<uint8_t, 10> command = {0x28,
                                             0,
                                             static_cast<uint8_t>(block >> 24),
                                             static_cast<uint8_t>(block >> 16),
                                             static_cast<uint8_t>(block >> 8),
                                             static_cast<uint8_t>(block),
                                             0,
                                             static_cast<uint8_t>(num_blocks >> 8),
                                             static_cast<uint8_t>(num_blocks),
                                             0};
    return Execute(command, num_blocks * kBlockBytes, data);
}

BulkOnlyDisk::Answer BulkOnlyDisk::Execute(std::span<const uint8_t> command, uint32_t num_bytes,
                                           Request &data) {
    Request block(UsbTransferType::kBulk, out_, kCommandBytes);
    ++tag_;
    std::memcpy(block.memory.data(), &kCommandSignature, 4);
    std::memcpy(block.memory.data() + 4, &tag_, 4);
    std::memcpy(block.memory.data() + 8, &num_bytes, 4);
    block.memory[12] = std::byte{0x80};
    block.memory[14] = static_cast<std::byte>(command.size());
    std::memcpy(block.memory.data() + 15, command.data(), command.size());
    Request status(UsbTransferType::kBulk, in_, kStatusBytes);
    rig_.wire().Start(block);
    rig_.wire().Start(data);
    const bool is_sent = rig_.Finish(block).status == UsbStatus::kSuccess;
    Answer answer;
    answer.data = rig_.Finish(data);
    // Not before: QEMU's disk forgets a status that is asked for while it still has data.
    rig_.wire().Start(status);
    const UsbOutcome end = rig_.Finish(status);
    if (is_sent && end.num_bytes == kStatusBytes &&
        std::memcmp(status.memory.data(), &kStatusSignature, 4) == 0 &&
        std::memcmp(status.memory.data() + 4, &tag_, 4) == 0) {
        answer.status = std::to_integer<uint8_t>(status.memory[12]);
    }
    return answer;
}

UsbStatus BulkOnlyDisk::SendGarbage() {
    Request block(UsbTransferType::kBulk, out_, kCommandBytes);
    rig_.wire().Start(block);
    return rig_.Finish(block).status;
}

}  // namespace opendext::hardware
