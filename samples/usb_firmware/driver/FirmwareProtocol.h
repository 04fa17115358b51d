// SPDX-License-Identifier: Apache-2.0
/// @file FirmwareProtocol.h
/// What the Firmware driver and its clients agree on. Included by both sides.
#ifndef FIRMWARE_PROTOCOL_H
#define FIRMWARE_PROTOCOL_H

#include <stdint.h>

/// Names of the services, for IOServiceNameMatching: a device that waits for its firmware, and one that runs it.
#define kFirmwareLoaderName "FirmwareLoader"
#define kFirmwareDeviceName "FirmwareDevice"

/// An image is this header, then its payload. Numbers are little endian.
struct FirmwareImageHeader {
    uint32_t magic;         ///< kFirmwareImageMagic.
    uint32_t reserved;      ///< 0.
    uint64_t payloadBytes;  ///< 1 to kFirmwareMaxPayloadBytes.
    uint8_t sha256[32];     ///< Of the payload.
};

enum { kFirmwareImageMagic = 0x3146574F };  // "OWF1"
enum { kFirmwareMaxPayloadBytes = 256 * 1024 * 1024 };

/// Selectors of LoaderClient::ExternalMethod.
enum LoaderSelector {
    /// Asynchronous. Structure in: an image. It returns when the image has been checked and accepted; then
    /// completions come: with kIOReturnSuccess and the words of FirmwareProgress while bytes move, and one last one
    /// that has kFirmwarePhaseDone, or an error. At once: kIOReturnBadArgument for something that is no image,
    /// kIOReturnBusy during another download, kIOReturnNoDevice when the device is gone. At the end:
    /// kIOReturnNotPermitted when the device refuses the image (its SHA-256 is another), kIOReturnAborted when the
    /// device or the driver went away, or the error of the transfer.
    kLoaderDownload = 0,
    kLoaderSelectorCount
};

enum FirmwarePhase {
    kFirmwarePhaseDownloading = 0,
    kFirmwarePhaseDone = 1,  ///< The device has verified it and comes back as a FirmwareDevice.
};

/// Words of a completion.
enum FirmwareProgress {
    kFirmwareProgressPhase = 0,
    kFirmwareProgressDoneBytes = 1,
    kFirmwareProgressTotalBytes = 2,
    kFirmwareProgressWords
};

/// Selectors of DeviceClient::ExternalMethod.
enum DeviceSelector {
    kDeviceGetFirmware = 0,  ///< Structure out: a FirmwareReport.
    kDeviceEnterLoader =
        1,  ///< The device leaves, and comes back as one that waits for its firmware.
    kDeviceSelectorCount
};

/// What the running device says of its firmware.
struct FirmwareReport {
    uint32_t version;        ///< Major in the upper 16 bits; 0: the payload has none.
    uint32_t numHeartbeats;  ///< That the driver has received so far.
    uint64_t payloadBytes;
    uint8_t sha256[32];
};

#endif
