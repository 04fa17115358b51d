// SPDX-License-Identifier: Apache-2.0
// Maps, unmaps and accesses memory as the input says, and compares every answer with a plain list of what
// ought to be mapped.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "backends/emulated/emulated_iommu.h"
#include "fuzz/fuzz_input.h"

namespace {

using namespace opendext::backends;
using opendext::FuzzInput;
using opendext::Require;

constexpr uint64_t kArenaBytes = 64 * uint64_t{4096};

struct Expected {
    uint64_t iova;
    uint64_t num_bytes;
    DmaAccess access;
    size_t host_offset;
};

struct Silent final : IommuFaultListener {
    void OnIommuFault(const IommuFault &fault) override { (void)Describe(fault); }
};

class Session {
public:
    Session() : arena_(kArenaBytes) { iommu_.SetFaultListener(&silent_); }

    void Step(FuzzInput &input) {
        switch (input.Take(1) % 3) {
            case 0:
                return Map(input);
            case 1:
                return Unmap(input);
            default:
                return Access(input);
        }
    }

private:
    void Map(FuzzInput &input) {
        const size_t offset = input.Take(3) % kArenaBytes;
        const uint64_t num_bytes = input.Take(3) % (kArenaBytes - offset + 1);
        const auto access = static_cast<DmaAccess>(1 + input.Take(1) % 3);
        const auto bits = static_cast<uint8_t>(input.Take(1));
        const HostSpan piece{.address = arena_.data() + offset, .num_bytes = num_bytes};
        const auto iova = iommu_.Map(
            {.pieces = std::span(&piece, 1), .access = access, .max_address_bits = bits});
        Require(num_bytes != 0 || !iova);
        if (!iova) {
            return;
        }
        Require(bits == 0 || bits >= 48 || iova->value + num_bytes <= 1ULL << bits);
        for (const Expected &each : expected_) {
            Require(iova->value + num_bytes < each.iova ||
                    each.iova + each.num_bytes < iova->value);
        }
        expected_.push_back({iova->value, num_bytes, access, offset});
    }

    void Unmap(FuzzInput &input) {
        const uint64_t choice = input.Take(1);
        const uint64_t extra = input.Take(1) % 4 == 0 ? 1 : 0;
        if (expected_.empty()) {
            return Require(!iommu_.Unmap(IovaAddress{choice}, 1));
        }
        const size_t index = choice % expected_.size();
        const Expected chosen = expected_[index];
        const bool done =
            iommu_.Unmap(IovaAddress{chosen.iova}, chosen.num_bytes + extra).has_value();
        Require(done == (extra == 0));
        if (done) {
            expected_.erase(expected_.begin() + static_cast<ptrdiff_t>(index));
        }
    }

    void Access(FuzzInput &input) {
        const uint64_t choice = input.Take(1);
        const bool is_write = input.Take(1) % 2 != 0;
        uint64_t iova = input.Take(8);
        if (!expected_.empty() && choice != 0) {
            iova = expected_[choice % expected_.size()].iova +
                   static_cast<uint64_t>(static_cast<int16_t>(iova));
        }
        const size_t num_bytes = input.Take(2);
        const DmaAccess access = is_write ? DmaAccess::kWrite : DmaAccess::kRead;
        const auto inside = std::ranges::find_if(expected_, [&](const Expected &each) {
            const uint64_t offset = iova - each.iova;
            return offset < each.num_bytes && num_bytes <= each.num_bytes - offset;
        });
        std::vector<std::byte> bytes(num_bytes, std::byte{0x33});
        const auto moved = is_write ? iommu_.Write(IovaAddress{iova}, bytes)
                                    : iommu_.Read(IovaAddress{iova}, bytes);
        Require(moved.has_value() == (inside != expected_.end() && Allows(inside->access, access)));
        if (moved) {
            Require(std::equal(bytes.begin(), bytes.end(),
                               arena_.begin() + static_cast<ptrdiff_t>(inside->host_offset + iova -
                                                                       inside->iova)));
        }
    }

    Silent silent_;
    EmulatedIommu iommu_{PciAddress{}};
    std::vector<std::byte> arena_;
    std::vector<Expected> expected_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    Session session;
    FuzzInput input(data, num_bytes);
    for (int steps = 0; !input.IsEmpty() && steps < 500; ++steps) {
        session.Step(input);
    }
    return 0;
}
