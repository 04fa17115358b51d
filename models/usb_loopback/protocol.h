// SPDX-License-Identifier: Apache-2.0
/// @file protocol.h
/// The usb-loopback device as software sees it. docs/devices/usb-loopback.md explains each request.
#pragma once

#include <cstddef>
#include <cstdint>

namespace opendext::models::usb_loopback {

// Identity. The ids are of the range that is set aside for tests; no product has them.
inline constexpr uint16_t kVendorId = 0x1209;
inline constexpr uint16_t kProductId = 0x0001;
inline constexpr uint16_t kRelease = 0x0100;

inline constexpr uint8_t kMainConfiguration = 1;
inline constexpr uint8_t kSmallConfiguration = 2;  // the loopback pair alone
inline constexpr uint8_t kDataInterface = 0;
inline constexpr uint8_t kFrameInterface = 1;
inline constexpr uint8_t kFramesOn = 1;  // its setting with the isochronous endpoints

inline constexpr uint8_t kLoopbackOut = 0x01;
inline constexpr uint8_t kLoopbackIn = 0x81;
inline constexpr uint8_t kSinkOut = 0x02;
inline constexpr uint8_t kSourceIn = 0x82;
inline constexpr uint8_t kTicksIn = 0x83;
inline constexpr uint8_t kFramesOut = 0x04;
inline constexpr uint8_t kFramesIn = 0x84;

inline constexpr uint8_t kStreamsLog2 = 4;  // of the loopback pair, at SuperSpeed
inline constexpr size_t kEchoBytes = 4096;
inline constexpr size_t kTickBytes = 8;
inline constexpr uint64_t kPatternPeriod = 65536;

// bRequest of vendor requests to the device.
inline constexpr uint8_t kEchoWrite = 0x01;
inline constexpr uint8_t kEchoRead = 0x02;
inline constexpr uint8_t kStall = 0x03;
inline constexpr uint8_t kHalt = 0x04;
inline constexpr uint8_t kNak = 0x05;
inline constexpr uint8_t kHold = 0x06;
inline constexpr uint8_t kShortPacket = 0x07;
inline constexpr uint8_t kBabble = 0x08;
inline constexpr uint8_t kNoResponse = 0x09;
inline constexpr uint8_t kDetach = 0x0A;
inline constexpr uint8_t kHang = 0x0B;
inline constexpr uint8_t kSetTickPeriod = 0x0C;
inline constexpr uint8_t kTick = 0x0D;
inline constexpr uint8_t kSetSource = 0x0E;
inline constexpr uint8_t kSetSinkCheck = 0x0F;
inline constexpr uint8_t kGetCounters = 0x10;
inline constexpr uint8_t kClear = 0x11;

// wValue of kSetSource.
inline constexpr uint16_t kSourcePattern = 0;
inline constexpr uint16_t kSourceZeros = 1;
inline constexpr uint16_t kSourceNothing = 2;  // leaves the host's memory as it is

// wIndex of kDetach.
inline constexpr uint16_t kStaysAway = 0;
inline constexpr uint16_t kComesBack = 1;

/// The answer to kGetCounters, little endian.
struct Counters {
    uint64_t loopback_bytes;  ///< That have gone back to the host.
    uint64_t sink_bytes;
    uint64_t sink_mismatches;      ///< Requests whose bytes were not the pattern.
    uint64_t sink_first_mismatch;  ///< Position of the first wrong byte; all ones: none.
    uint64_t source_bytes;
    uint64_t ticks;
    uint64_t frames_out;
    uint64_t frame_bytes_out;
    uint64_t frames_in;
    uint64_t control_requests;  ///< Vendor requests so far, this one too.
};
static_assert(sizeof(Counters) == 80);

}  // namespace opendext::models::usb_loopback
