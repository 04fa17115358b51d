// SPDX-License-Identifier: Apache-2.0
#include "models/usb_firmware/firmware_loader.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace opendext::models::usb_firmware {
namespace {

constexpr std::string_view kMagic = "ODFW";

}  // namespace

void FirmwareLoader::Become(LoaderState state, LoaderError error) {
    state_ = state;
    error_ = error;
}

void FirmwareLoader::Begin(uint64_t total_bytes) {
    total_bytes_ = total_bytes;
    received_bytes_ = 0;
    next_block_ = 0;
    head_ = {};
    hash_.Reset();
    Become(LoaderState::kReceiving, LoaderError::kNone);
}

bool FirmwareLoader::Accepts(uint64_t num_bytes) {
    if (state_ != LoaderState::kReceiving) {
        // A download that has failed keeps the reason.
        if (state_ != LoaderState::kFailed) {
            Become(LoaderState::kFailed, LoaderError::kNotBegun);
        }
        return false;
    }
    if (num_bytes > total_bytes_ - received_bytes_) {
        Become(LoaderState::kFailed, LoaderError::kTooManyBytes);
        return false;
    }
    return true;
}

void FirmwareLoader::Append(std::span<const std::byte> bytes) {
    if (received_bytes_ < head_.size()) {
        const size_t count = std::min<size_t>(bytes.size(), head_.size() - received_bytes_);
        std::copy_n(bytes.begin(), count, head_.begin() + static_cast<ptrdiff_t>(received_bytes_));
    }
    hash_.Update(bytes);
    received_bytes_ += bytes.size();
}

bool FirmwareLoader::AppendBlock(uint32_t number, std::span<const std::byte> bytes) {
    if (!Accepts(bytes.size())) {
        return false;
    }
    if (number != next_block_) {
        Become(LoaderState::kFailed, LoaderError::kOutOfOrder);
        return false;
    }
    ++next_block_;
    Append(bytes);
    return true;
}

bool FirmwareLoader::Finish(const Sha256Digest &expected) {
    if (!Accepts(0)) {
        return false;
    }
    if (received_bytes_ != total_bytes_) {
        Become(LoaderState::kFailed, LoaderError::kTooFewBytes);
        return false;
    }
    digest_ = hash_.Finish();
    hash_.Reset();
    if (digest_ != expected) {
        Become(LoaderState::kFailed, LoaderError::kWrongHash);
        return false;
    }
    Become(LoaderState::kVerified, LoaderError::kNone);
    return true;
}

Status FirmwareLoader::status() const {
    return {.state = static_cast<uint8_t>(state_),
            .error = static_cast<uint8_t>(error_),
            .reserved = 0,
            .next_block = next_block_,
            .total_bytes = total_bytes_,
            .received_bytes = received_bytes_};
}

Info FirmwareLoader::info() const {
    Info info{.num_bytes = total_bytes_, .version = 0, .reserved = 0, .sha256 = {}};
    if (std::memcmp(head_.data(), kMagic.data(), kMagic.size()) == 0) {
        std::memcpy(&info.version, head_.data() + kMagic.size(), sizeof(info.version));
    }
    std::memcpy(info.sha256, digest_.data(), digest_.size());
    return info;
}

}  // namespace opendext::models::usb_firmware
