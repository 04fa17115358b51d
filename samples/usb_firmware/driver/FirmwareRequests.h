// SPDX-License-Identifier: Apache-2.0
/// @file FirmwareRequests.h
/// The device: its endpoints and vendor requests. Its manual is docs/devices/usb-firmware.md.
#ifndef FIRMWARE_REQUESTS_H
#define FIRMWARE_REQUESTS_H

#include <stdint.h>

/// Endpoints.
enum {
    kFirmwareBulkOut = 0x01,      ///< Loader: the payload.
    kFirmwareHeartbeatIn = 0x81,  ///< Running device: a number, four times a second.
};

/// bmRequestType: a vendor's request to the device.
enum { kFirmwareRequestTypeOut = 0x40, kFirmwareRequestTypeIn = 0xC0 };

/// bRequest. Numbers in their data are little endian.
enum {
    kFirmwareRequestBegin = 0x01,  ///< Out, to the loader: uint64_t, the payload's size.
    kFirmwareRequestFinish =
        0x03,  ///< Out, to the loader: SHA-256 of the payload. Stalls when it is another.
    kFirmwareRequestDescribe = 0x10,  ///< In, from the running device: FirmwareDescription.
    kFirmwareRequestRestart = 0x11,   ///< Out, to the running device: comes back as a loader.
};

/// What the running device says.
struct FirmwareDescription {
    uint64_t payloadBytes;
    uint32_t version;  ///< Bytes 4 to 7 of a payload that begins with "ODFW", else 0.
    uint32_t reserved;
    uint8_t sha256[32];
};

#endif
