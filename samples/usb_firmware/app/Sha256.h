// SPDX-License-Identifier: Apache-2.0
/// @file Sha256.h
/// SHA-256 (FIPS 180-4) in one function, so that the sample needs no library on any system.
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

#include <array>

using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest sha256(const void *bytes, size_t size);

#endif
