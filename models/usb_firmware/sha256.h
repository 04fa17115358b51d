// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "models/usb_firmware/protocol.h"

extern "C" {
struct evp_md_ctx_st;
}

namespace opendext::models::usb_firmware {

using Sha256Digest = std::array<std::byte, kHashBytes>;

/// SHA-256 of bytes that come in parts (libcrypto's). Not thread-safe.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256 &) = delete;
    Sha256 &operator=(const Sha256 &) = delete;

    /// Begins anew.
    void Reset();
    void Update(std::span<const std::byte> bytes);

    /// Of all since Reset, which is to be called next.
    [[nodiscard]] Sha256Digest Finish();

private:
    evp_md_ctx_st *const context_;
};

}  // namespace opendext::models::usb_firmware
