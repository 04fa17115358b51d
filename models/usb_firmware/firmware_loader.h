// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/usb_firmware/protocol.h"
#include "models/usb_firmware/sha256.h"

namespace opendext::models::usb_firmware {

/// What a loader knows of the image that it is getting. Keeps no image: it is hashed as it comes. Not thread-safe.
class FirmwareLoader {
public:
    /// Back to idle, without an error.
    void Reset() { Become(LoaderState::kIdle, LoaderError::kNone); }

    /// An image of that size is to come. What came before is forgotten.
    void Begin(uint64_t total_bytes);

    /// Whether `num_bytes` more may come. If not, the download has failed.
    [[nodiscard]] bool Accepts(uint64_t num_bytes);

    /// Precondition: Accepts them.
    void Append(std::span<const std::byte> bytes);

    /// Bytes of the block `number`. @return false: refused, and the download has failed.
    [[nodiscard]] bool AppendBlock(uint32_t number, std::span<const std::byte> bytes);

    /// All has come. @return whether it is the image with that hash; if not, the download has failed.
    [[nodiscard]] bool Finish(const Sha256Digest &expected);

    [[nodiscard]] Status status() const;

    /// Of the image that was verified.
    [[nodiscard]] Info info() const;

private:
    void Become(LoaderState state, LoaderError error);

    LoaderState state_ = LoaderState::kIdle;
    LoaderError error_ = LoaderError::kNone;
    uint64_t total_bytes_ = 0;
    uint64_t received_bytes_ = 0;
    uint32_t next_block_ = 0;
    std::array<std::byte, 8> head_{};  // the first bytes of the image
    Sha256 hash_;
    Sha256Digest digest_{};  // once verified
};

}  // namespace opendext::models::usb_firmware
