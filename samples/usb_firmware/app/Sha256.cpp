// SPDX-License-Identifier: Apache-2.0
#include "Sha256.h"

#include <string.h>

namespace {

constexpr size_t kBlockBytes = 64;

// The fractional parts of the cube roots of the first 64 primes.
constexpr uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t rotateRight(uint32_t word, unsigned count) {
    return word >> count | word << (32 - count);
}

class Hash {
public:
    void addBlock(const uint8_t *block) {
        uint32_t w[64];
        for (size_t i = 0; i < 16; ++i) {
            w[i] = static_cast<uint32_t>(block[4 * i]) << 24 |
                   static_cast<uint32_t>(block[4 * i + 1]) << 16 |
                   static_cast<uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
        }
        for (size_t i = 16; i < 64; ++i) {
            const uint32_t s0 =
                rotateRight(w[i - 15], 7) ^ rotateRight(w[i - 15], 18) ^ (w[i - 15] >> 3);
            const uint32_t s1 =
                rotateRight(w[i - 2], 17) ^ rotateRight(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t v[8];
        memcpy(v, state_, sizeof(v));
        for (size_t i = 0; i < 64; ++i) {
            const uint32_t s1 =
                rotateRight(v[4], 6) ^ rotateRight(v[4], 11) ^ rotateRight(v[4], 25);
            const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
            const uint32_t t1 = v[7] + s1 + choice + kRoundConstants[i] + w[i];
            const uint32_t s0 =
                rotateRight(v[0], 2) ^ rotateRight(v[0], 13) ^ rotateRight(v[0], 22);
            const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            memmove(v + 1, v, 7 * sizeof(v[0]));
            v[4] += t1;
            v[0] = t1 + s0 + majority;
        }
        for (size_t i = 0; i < 8; ++i) {
            state_[i] += v[i];
        }
    }

    Sha256Digest digest() const {
        Sha256Digest bytes;
        for (size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
        }
        return bytes;
    }

private:
    // The fractional parts of the square roots of the first eight primes.
    uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

}  // namespace

Sha256Digest sha256(const void *bytes, size_t size) {
    const auto *at = static_cast<const uint8_t *>(bytes);
    Hash hash;
    size_t left = size;
    for (; left >= kBlockBytes; left -= kBlockBytes, at += kBlockBytes) {
        hash.addBlock(at);
    }
    // The rest, a one bit, zeros, and the length in bits at the end of a block.
    uint8_t tail[2 * kBlockBytes] = {};
    memcpy(tail, at, left);
    tail[left] = 0x80;
    const size_t tailBytes = left + 9 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
    const uint64_t numBits = static_cast<uint64_t>(size) * 8;
    for (size_t i = 0; i < 8; ++i) {
        tail[tailBytes - 1 - i] = static_cast<uint8_t>(numBits >> (8 * i));
    }
    for (size_t i = 0; i < tailBytes; i += kBlockBytes) {
        hash.addBlock(tail + i);
    }
    return hash.digest();
}
