// SPDX-License-Identifier: Apache-2.0
// fpga-app: reads and writes the memory of the card.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string_view>
#include <vector>

#include "Demo.h"
#include "FpgaCard.h"

namespace {

constexpr const char *kUsage =
    "usage: fpga-app [demo]              move 1 byte to 64 MiB, check every byte, print a table\n"
    "       fpga-app selftest            sizes and addresses around every boundary\n"
    "       fpga-app read ADDR SIZE FILE card memory into a file\n"
    "       fpga-app write ADDR FILE     a file into card memory\n"
    "ADDR and SIZE are numbers as in C, SIZE with K or M behind it if you like.\n";

int fail(const std::string &what) {
    fprintf(stderr, "fpga-app: %s\n", what.c_str());
    return 1;
}

bool parseNumber(const char *text, uint64_t *value) {
    char *end = nullptr;
    errno = 0;
    *value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || text[0] == '-') {
        return false;
    }
    const std::string_view unit(end);
    const unsigned shift = unit == "K" ? 10 : unit == "M" ? 20 : 0;
    if ((!unit.empty() && shift == 0) || *value > (UINT64_MAX >> shift)) {
        return false;
    }
    *value <<= shift;
    return true;
}

int readToFile(FpgaCard &card, const char *address_text, const char *size_text, const char *path) {
    uint64_t address = 0;
    uint64_t size = 0;
    if (!parseNumber(address_text, &address) || !parseNumber(size_text, &size)) {
        return fail("ADDR and SIZE must be numbers, such as 0x1000 and 64K");
    }
    if (size == 0 || size > card.ramBytes()) {
        return fail("SIZE must be 1 to " + std::to_string(card.ramBytes()) + ", the card's RAM");
    }
    std::vector<uint8_t> bytes(size);
    const kern_return_t ret = card.read(address, bytes.size(), bytes.data());
    if (ret != kIOReturnSuccess) {
        return fail(describeError(ret));
    }
    FILE *file = fopen(path, "wb");
    if (file == nullptr) {
        return fail(std::string(path) + ": " + strerror(errno) +
                    ": name a file that can be written");
    }
    const bool isWritten = fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    if (fclose(file) != 0 || !isWritten) {
        return fail(std::string(path) + ": " + strerror(errno) + ": make room for the bytes");
    }
    return 0;
}

int writeFromFile(FpgaCard &card, const char *address_text, const char *path) {
    uint64_t address = 0;
    if (!parseNumber(address_text, &address)) {
        return fail("ADDR must be a number, such as 0x1000");
    }
    FILE *file = fopen(path, "rb");
    if (file == nullptr) {
        return fail(std::string(path) + ": " + strerror(errno) + ": name a file that can be read");
    }
    std::vector<uint8_t> bytes;
    std::vector<uint8_t> part(size_t{1} << 20);
    size_t count = 0;
    while (bytes.size() <= card.ramBytes() &&
           (count = fread(part.data(), 1, part.size(), file)) != 0) {
        bytes.insert(bytes.end(), part.begin(), part.begin() + static_cast<ptrdiff_t>(count));
    }
    const bool isBroken = ferror(file) != 0;
    fclose(file);
    if (isBroken || bytes.empty() || bytes.size() > card.ramBytes()) {
        return fail(std::string(path) + ": name a file of 1 to " + std::to_string(card.ramBytes()) +
                    " bytes");
    }
    const kern_return_t ret = card.write(address, bytes.size(), bytes.data());
    return ret == kIOReturnSuccess ? 0 : fail(describeError(ret));
}

}  // namespace

int main(int argc, char **argv) {
    const std::string_view command = argc > 1 ? argv[1] : "demo";
    const bool isDemo = command == "demo" && argc <= 2;
    const bool isSelfTest = command == "selftest" && argc == 2;
    const bool isRead = command == "read" && argc == 5;
    const bool isWrite = command == "write" && argc == 4;
    if (command == "--help" || command == "help") {
        fputs(kUsage, stdout);
        return 0;
    }
    if (!isDemo && !isSelfTest && !isRead && !isWrite) {
        fputs(kUsage, stderr);
        return 2;
    }
    FpgaCard card;
    const kern_return_t ret = card.open();
    if (ret != kIOReturnSuccess) {
        return fail(describeError(ret));
    }
    if (isRead) {
        return readToFile(card, argv[2], argv[3], argv[4]);
    }
    if (isWrite) {
        return writeFromFile(card, argv[2], argv[3]);
    }
    return isDemo ? runDemo(card) : runSelfTest(card);
}
