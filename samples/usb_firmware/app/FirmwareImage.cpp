// SPDX-License-Identifier: Apache-2.0
#include "FirmwareImage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "Sha256.h"

FirmwareImage packFirmware(const std::vector<uint8_t> &payload) {
    FirmwareImageHeader header = {};
    header.magic = kFirmwareImageMagic;
    header.payloadBytes = payload.size();
    const Sha256Digest digest = sha256(payload.data(), payload.size());
    std::copy(digest.begin(), digest.end(), header.sha256);
    FirmwareImage image(sizeof(header) + payload.size());
    memcpy(image.data(), &header, sizeof(header));
    std::copy(payload.begin(), payload.end(), image.begin() + sizeof(header));
    return image;
}

std::vector<uint8_t> makePayload(size_t size, uint32_t version) {
    std::vector<uint8_t> payload(size);
    uint64_t state = (version + size) * 0x9E3779B97F4A7C15ULL + 1;
    for (size_t at = 0; at < size; at += sizeof(state)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(payload.data() + at, &state, std::min(sizeof(state), size - at));
    }
    constexpr char kMark[] = {'O', 'D', 'F', 'W'};
    if (size >= sizeof(kMark) + sizeof(version)) {
        memcpy(payload.data(), kMark, sizeof(kMark));
        memcpy(payload.data() + sizeof(kMark), &version, sizeof(version));
    }
    return payload;
}

FirmwareImageHeader headerOf(const FirmwareImage &image) {
    FirmwareImageHeader header = {};
    memcpy(&header, image.data(), std::min(sizeof(header), image.size()));
    return header;
}

std::string readFile(const char *path, std::vector<uint8_t> *bytes) {
    FILE *file = fopen(path, "rb");
    if (file == nullptr) {
        return std::string(path) + ": " + strerror(errno) + ": name a file that can be read";
    }
    uint8_t part[64 * 1024];
    size_t count = 0;
    while ((count = fread(part, 1, sizeof(part), file)) != 0 &&
           bytes->size() <= kFirmwareMaxPayloadBytes) {
        bytes->insert(bytes->end(), part, part + count);
    }
    const bool isBroken = ferror(file) != 0;
    fclose(file);
    if (isBroken || bytes->empty() || bytes->size() > kFirmwareMaxPayloadBytes) {
        return std::string(path) + ": firmware has 1 byte to " +
               std::to_string(kFirmwareMaxPayloadBytes >> 20) + " MiB";
    }
    return "";
}

std::string digestText(const uint8_t *digest) {
    std::string text;
    for (size_t i = 0; i < 8; ++i) {
        char byte[3];
        snprintf(byte, sizeof(byte), "%02x", digest[i]);
        text += byte;
    }
    return text + "...";
}
