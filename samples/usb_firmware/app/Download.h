// SPDX-License-Identifier: Apache-2.0
/// @file Download.h
/// Sends an image to the loader and follows its progress.
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include <IOKit/IOKitLib.h>
#include <stdint.h>

#include "FirmwareImage.h"

/// Told of progress: bytes of the payload that the device has, and all.
using ShowProgress = void (*)(uint64_t doneBytes, uint64_t totalBytes);

/// Sends the image and returns when the device has verified it, or with the error that ended it.
[[nodiscard]] kern_return_t downloadFirmware(io_connect_t loader, const FirmwareImage &image,
                                             ShowProgress show);

#endif
