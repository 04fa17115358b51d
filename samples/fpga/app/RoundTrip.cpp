// SPDX-License-Identifier: Apache-2.0
#include "RoundTrip.h"

#include <stdio.h>
#include <string.h>

#include <algorithm>

static constexpr size_t kPageBytes = 4096;

void fillPattern(uint8_t *bytes, size_t size, uint64_t seed) {
    uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 0x1234567;
    for (size_t at = 0; at < size; at += sizeof(state)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(bytes + at, &state, std::min(sizeof(state), size - at));
    }
}

// Where in a page the vectors' memory starts is not promised: the first page boundary in them
// counts.
static uint8_t *placeInPage(std::vector<uint8_t> &memory, size_t offset) {
    uint8_t *const start = memory.data();
    return start + (kPageBytes - reinterpret_cast<uintptr_t>(start) % kPageBytes) + offset;
}

RoundTrip::RoundTrip(FpgaCard &card, size_t size, size_t hostOffset)
    : card_(card),
      size_(size),
      sourceMemory_(size + 3 * kPageBytes),
      destinationMemory_(size + 3 * kPageBytes),
      source_(placeInPage(sourceMemory_, hostOffset + kGuardBytes)),
      destination_(placeInPage(destinationMemory_, hostOffset + kGuardBytes)) {}

std::string RoundTrip::compare(uint64_t address) {
    if (memcmp(source(), destination(), size_) == 0) {
        return "";
    }
    const auto at = static_cast<size_t>(
        std::mismatch(source(), source() + size_, destination()).first - source());
    const uint64_t where = address + at;
    char text[160];
    snprintf(text, sizeof(text), "byte %zu of %zu at card address 0x%llx is 0x%02x, not 0x%02x", at,
             size_, static_cast<unsigned long long>(where), destination()[at], source()[at]);
    return text;
}

std::string RoundTrip::run(uint64_t address, uint64_t seed) {
    const size_t before = static_cast<size_t>(std::min<uint64_t>(kGuardBytes, address));
    const size_t behind =
        static_cast<size_t>(std::min<uint64_t>(kGuardBytes, card_.ramBytes() - address - size_));
    uint8_t guards[2 * kGuardBytes];
    uint8_t seen[2 * kGuardBytes];
    fillPattern(guards, sizeof(guards), seed + 1);
    memcpy(seen, guards, sizeof(seen));
    fillPattern(source(), size_, seed);
    uint8_t *const first = destination() - kGuardBytes;
    memset(first, 0x5A, size_ + 2 * kGuardBytes);

    const uint64_t end = address + size_;
    kern_return_t ret =
        before != 0 ? card_.write(address - before, before, guards) : kIOReturnSuccess;
    if (ret == kIOReturnSuccess && behind != 0) {
        ret = card_.write(end, behind, guards + kGuardBytes);
    }
    if (ret == kIOReturnSuccess) {
        ret = card_.write(address, size_, source());
    }
    if (ret == kIOReturnSuccess) {
        ret = card_.read(address, size_, destination());
    }
    if (ret == kIOReturnSuccess && before != 0) {
        ret = card_.read(address - before, before, seen);
    }
    if (ret == kIOReturnSuccess && behind != 0) {
        ret = card_.read(end, behind, seen + kGuardBytes);
    }
    if (ret != kIOReturnSuccess) {
        return describeError(ret);
    }
    if (memcmp(seen, guards, sizeof(seen)) != 0) {
        return "the write changed bytes of the card beside its range";
    }
    const auto isGuard = [](uint8_t byte) { return byte == 0x5A; };
    if (!std::all_of(first, first + kGuardBytes, isGuard) ||
        !std::all_of(destination() + size_, destination() + size_ + kGuardBytes, isGuard)) {
        return "the read changed bytes beside the buffer";
    }
    return compare(address);
}
