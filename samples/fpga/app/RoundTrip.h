// SPDX-License-Identifier: Apache-2.0
/// @file RoundTrip.h
/// Bytes to the card and back, every one of them checked, those beside the range too.
#ifndef ROUND_TRIP_H
#define ROUND_TRIP_H

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "FpgaCard.h"

/// Fills `bytes` with a pattern that differs from seed to seed and in every byte's neighbourhood.
void fillPattern(uint8_t *bytes, size_t size, uint64_t seed);

/// Buffers for transfers of up to a size, at any offset from a page, reused from one to the next.
class RoundTrip {
public:
    /// `hostOffset`: where in a page the application's buffers start.
    RoundTrip(FpgaCard &card, size_t size, size_t hostOffset);

    /// Writes a new pattern at `address`, reads it back, and checks it. Bytes of the card just
    /// before and behind the range, and of the buffer that was read into, must be as they were.
    /// @return empty, or what went wrong in one line.
    [[nodiscard]] std::string run(uint64_t address, uint64_t seed);

    uint8_t *source() { return source_; }
    uint8_t *destination() { return destination_; }

    /// Compares what was read with what was written. @return as `run`.
    [[nodiscard]] std::string compare(uint64_t address);

private:
    static constexpr size_t kGuardBytes = 16;

    FpgaCard &card_;
    size_t size_;
    std::vector<uint8_t> sourceMemory_;
    std::vector<uint8_t> destinationMemory_;
    uint8_t *source_;
    uint8_t *destination_;
};

#endif
