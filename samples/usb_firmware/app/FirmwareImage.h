// SPDX-License-Identifier: Apache-2.0
/// @file FirmwareImage.h
/// Firmware images: a header with size and SHA-256, then the payload.
#ifndef FIRMWARE_IMAGE_H
#define FIRMWARE_IMAGE_H

#include <stdint.h>

#include <string>
#include <vector>

#include "../driver/FirmwareProtocol.h"

using FirmwareImage = std::vector<uint8_t>;

/// Puts the header in front.
FirmwareImage packFirmware(const std::vector<uint8_t> &payload);

/// A payload of `size` bytes; where there is room it begins with the mark and the version that the device looks for.
/// @param version major in the upper 16 bits; another one is another payload.
std::vector<uint8_t> makePayload(size_t size, uint32_t version);

/// The header of an image that packFirmware made.
FirmwareImageHeader headerOf(const FirmwareImage &image);

/// Reads a whole file. @return an error in one line, or empty.
std::string readFile(const char *path, std::vector<uint8_t> *bytes);

/// "1f3a...": the first bytes of a digest, for people.
std::string digestText(const uint8_t *digest);

#endif
