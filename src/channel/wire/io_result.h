// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The kernel results that the channel, the registry and the programs produce themselves (semantics.md 0), as
/// int32_t: none of them knows the public headers.
namespace opendext::channel {

constexpr int32_t IoResult(uint32_t code) {
    return static_cast<int32_t>(0xe0000000U | code);
}

inline constexpr int32_t kSuccess = 0;
inline constexpr int32_t kIoNoMemory = IoResult(0x2bd);
inline constexpr int32_t kIoNoResources = IoResult(0x2be);
inline constexpr int32_t kIoIpcError = IoResult(0x2bf);
inline constexpr int32_t kIoExclusiveAccess = IoResult(0x2c5);
inline constexpr int32_t kIoNoDevice = IoResult(0x2c0);
inline constexpr int32_t kIoBadArgument = IoResult(0x2c2);
inline constexpr int32_t kIoUnsupported = IoResult(0x2c7);
inline constexpr int32_t kIoVmError = IoResult(0x2c8);
inline constexpr int32_t kIoTimeout = IoResult(0x2d6);
inline constexpr int32_t kIoOffline = IoResult(0x2d7);
inline constexpr int32_t kIoNotReady = IoResult(0x2d8);
inline constexpr int32_t kIoMessageTooLarge = IoResult(0x2e1);
inline constexpr int32_t kIoNotPermitted = IoResult(0x2e2);
inline constexpr int32_t kIoNotResponding = IoResult(0x2ed);
inline constexpr int32_t kIoNotFound = IoResult(0x2f0);

}  // namespace opendext::channel
