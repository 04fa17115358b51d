// SPDX-License-Identifier: Apache-2.0
/// @file Words.h
/// First and last word of some bytes.
#ifndef WORDS_H
#define WORDS_H

#include <stdint.h>
#include <string.h>

/// The word at `bytes`, any alignment.
inline uint32_t ReadWord(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

inline void WriteWord(uint8_t *bytes, uint32_t word) {
    memcpy(bytes, &word, sizeof(word));
}

/// @param words receives the first and the last of `length` bytes, at least a word.
inline void ReadEnds(const uint8_t *bytes, uint64_t length, uint64_t words[2]) {
    words[0] = ReadWord(bytes);
    words[1] = ReadWord(bytes + length - sizeof(uint32_t));
}

/// The sum of the 64-bit words, without the bytes that are left.
inline uint64_t SumOf(const uint8_t *bytes, uint64_t length) {
    uint64_t sum = 0;
    for (uint64_t at = 0; at + sizeof(uint64_t) <= length; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof(word));
        sum += word;
    }
    return sum;
}

/// Makes all words of `length` bytes `word`, or the first and the last only.
inline void WriteWords(uint8_t *bytes, uint64_t length, uint32_t word, bool all) {
    WriteWord(bytes + length - sizeof(word), word);
    WriteWord(bytes, word);
    for (uint64_t at = 0; all && at + sizeof(word) <= length; at += sizeof(word)) {
        WriteWord(bytes + at, word);
    }
}

#endif
