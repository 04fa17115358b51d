// SPDX-License-Identifier: Apache-2.0
/// @file protocol.h
/// The usb-firmware device as software sees it. docs/devices/usb-firmware.md explains each request.
#pragma once

#include <cstddef>
#include <cstdint>

namespace opendext::models::usb_firmware {

// Identity. The ids are of the range that is set aside for tests; no product has them.
inline constexpr uint16_t kVendorId = 0x1209;
inline constexpr uint16_t kLoaderProductId = 0x0002;
inline constexpr uint16_t kRunningProductId = 0x0003;
inline constexpr uint8_t kLoaderClass = 0xFF;      // of the device and its interface
inline constexpr uint8_t kRunningClass = 0xFE;     // of the interface; the device has class 0
inline constexpr uint8_t kRunningSubclass = 0x10;  // of the interface

inline constexpr uint8_t kConfiguration = 1;
inline constexpr uint8_t kInterface = 0;
inline constexpr uint8_t kDownloadOut = 0x01;  // loader
inline constexpr uint8_t kHeartbeatIn = 0x81;  // running
inline constexpr size_t kHeartbeatBytes = 8;
inline constexpr size_t kHashBytes = 32;  // SHA-256

// bRequest of vendor requests to the device: the loader's,
inline constexpr uint8_t kBegin = 0x01;
inline constexpr uint8_t kBlock = 0x02;
inline constexpr uint8_t kFinish = 0x03;
inline constexpr uint8_t kGetStatus = 0x04;
inline constexpr uint8_t kCancel = 0x05;
// and the running device's.
inline constexpr uint8_t kGetInfo = 0x10;
inline constexpr uint8_t kRestart = 0x11;

enum class LoaderState : uint8_t {
    kIdle = 0,
    kReceiving = 1,
    kFailed = 2,
    kVerified = 3,
};

enum class LoaderError : uint8_t {
    kNone = 0,
    kNotBegun = 1,      // data or FINISH without BEGIN
    kTooManyBytes = 2,  // more than BEGIN announced
    kOutOfOrder = 3,    // not the next block
    kTooFewBytes = 4,   // FINISH before all were there
    kWrongHash = 5,
};

/// The answer to kGetStatus, little endian.
struct Status {
    uint8_t state;  ///< LoaderState.
    uint8_t error;  ///< LoaderError.
    uint16_t reserved;
    uint32_t next_block;  ///< Of kBlock.
    uint64_t total_bytes;
    uint64_t received_bytes;
};
static_assert(sizeof(Status) == 24);

/// The answer to kGetInfo, little endian.
struct Info {
    uint64_t num_bytes;
    uint32_t version;  ///< Bytes 4 to 7 of an image that begins with "ODFW"; else 0.
    uint32_t reserved;
    uint8_t sha256[kHashBytes];
};
static_assert(sizeof(Info) == 48);

/// What comes on kHeartbeatIn, little endian.
struct Heartbeat {
    uint32_t number;  ///< From 1.
    uint32_t uptime_ms;
};
static_assert(sizeof(Heartbeat) == kHeartbeatBytes);

}  // namespace opendext::models::usb_firmware
