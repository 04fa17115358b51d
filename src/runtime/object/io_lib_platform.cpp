// SPDX-License-Identifier: Apache-2.0
// What IOLib.h has of the machine: its boot arguments and random numbers; and what it says of the process.
#include <DriverKit/IOLib.h>

#include <execinfo.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <os/log.h>

#include "base/log.h"
#include "base/os_log.h"

namespace {

constexpr size_t kBytesPerLine = 16;
constexpr int kMaxFrames = 64;

// A word of the kernel's command line; "" for a name without a value.
std::optional<std::string> BootArgument(const char *name) {
    if (name == nullptr || *name == '\0') {
        return std::nullopt;
    }
    std::ifstream line("/proc/cmdline");
    for (std::istream_iterator<std::string> word(line);
         word != std::istream_iterator<std::string>(); ++word) {
        const size_t end = word->find('=');
        if (word->substr(0, end) == name) {
            return end == std::string::npos ? "" : word->substr(end + 1);
        }
    }
    return std::nullopt;
}

std::optional<uint64_t> ReadNumber(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    text.remove_prefix(is_negative ? 1 : 0);
    int base = 0;
    if (text.starts_with("0b") || text.starts_with("0B")) {
        base = 2;
        text.remove_prefix(2);
    }
    if (text.empty() || std::isxdigit(static_cast<unsigned char>(text.front())) == 0) {
        return std::nullopt;
    }
    const std::string digits(text);
    char *end = nullptr;
    errno = 0;
    const uint64_t number = std::strtoull(digits.c_str(), &end, base);
    if (errno != 0 || *end != '\0') {
        return std::nullopt;
    }
    return is_negative ? uint64_t{0} - number : number;
}

std::string HexLine(const uint8_t *bytes, size_t count) {
    std::string hex;
    std::string text;
    for (size_t i = 0; i < kBytesPerLine; ++i) {
        hex += i < count ? fmt::format("{:02x} ", bytes[i]) : "   ";
        if (i < count) {
            text += std::isprint(bytes[i]) != 0 ? static_cast<char>(bytes[i]) : '.';
        }
    }
    return hex + " " + text;
}

constexpr std::array<uint32_t, 256> MakeCrcTable() {
    constexpr uint32_t kPolynomial = 0xEDB88320;
    std::array<uint32_t, 256> table = {};
    for (uint32_t byte = 0; byte < table.size(); ++byte) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; ++bit) {
            rest = (rest >> 1) ^ ((rest & 1) != 0 ? kPolynomial : 0);
        }
        table[byte] = rest;
    }
    return table;
}

}  // namespace

void IOLogBuffer(const char *title, const void *buffer, size_t size) {
    const auto *bytes = static_cast<const uint8_t *>(buffer);
    for (size_t offset = 0; bytes != nullptr && offset < size; offset += kBytesPerLine) {
        const std::string line = HexLine(bytes + offset, std::min(kBytesPerLine, size - offset));
        IOLog("%s %04zx: %s", title != nullptr ? title : "", offset, line.c_str());
    }
}

void OSReportWithBacktrace(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    IOLogv(format, arguments);
    va_end(arguments);
    void *frames[kMaxFrames];
    const int count = backtrace(frames, kMaxFrames);
    char **names = backtrace_symbols(frames, count);
    for (int i = 1; names != nullptr && i < count; ++i) {
        IOLog("  %d %s", i, names[i]);
    }
    std::free(static_cast<void *>(names));
}

void panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    opendext::WriteOsLogLine(OS_LOG_DEFAULT, OS_LOG_TYPE_FAULT, format, arguments);
    va_end(arguments);
    std::abort();
}

bool IOParseBootArgNumber(const char *arg_string, void *arg_ptr, int max_len) {
    const std::optional<std::string> text = BootArgument(arg_string);
    if (!text || arg_ptr == nullptr) {
        return false;
    }
    const std::optional<uint64_t> number = text->empty() ? 1 : ReadNumber(*text);
    if (!number) {
        return false;
    }
    switch (max_len) {
        case 1:
        case 2:
        case 4:
        case 8:
            std::memcpy(arg_ptr, &*number, static_cast<size_t>(max_len));
            return true;
        default:
            return false;
    }
}

bool IOParseBootArgString(const char *arg_string, char *arg_ptr, int strlen) {
    const std::optional<std::string> text = BootArgument(arg_string);
    if (!text || arg_ptr == nullptr || strlen <= 0) {
        return false;
    }
    const size_t count = text->copy(arg_ptr, static_cast<size_t>(strlen) - 1);
    arg_ptr[count] = '\0';
    return true;
}

void read_random(void *buffer, size_t numBytes) {
    auto *bytes = static_cast<uint8_t *>(buffer);
    while (numBytes != 0) {
        const ssize_t count = getrandom(bytes, numBytes, 0);
        if (count < 0) {
            if (errno != EINTR) {
                panic("read_random: the kernel gives no random numbers");
            }
            continue;
        }
        bytes += count;
        numBytes -= static_cast<size_t>(count);
    }
}

uint32_t crc32(uint32_t crc, const void *buf, size_t size) {
    static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
    const auto *bytes = static_cast<const uint8_t *>(buf);
    crc = ~crc;
    for (size_t i = 0; i < size; ++i) {
        crc = (crc >> 8) ^ kTable[(crc ^ bytes[i]) & 0xFF];
    }
    return ~crc;
}
