// SPDX-License-Identifier: Apache-2.0
// Only calls that a signal handler may make. What is shown may change, or be unmapped, meanwhile: it is copied by the
// kernel first.
#include "host/crash_panic_logs.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/service/panic_logs.h"

namespace opendext::host {

namespace {

using service::PanicLog;
using service::PanicLogs;

constexpr size_t kMostShown = 4096;
constexpr size_t kBytesPerLine = 32;
constexpr size_t kLongestLine = 200;

// A line that is being made; what does not fit is cut.
class Line {
public:
    void Character(char character) {
        if (length_ < text_.size() - 1) {
            text_[length_++] = character;
        }
    }
    void Text(const char *text) {
        for (; *text != '\0'; ++text) {
            Character(*text);
        }
    }
    void Byte(uint8_t byte) {
        constexpr char kDigits[] = "0123456789abcdef";
        Character(kDigits[byte >> 4]);
        Character(kDigits[byte & 0xf]);
    }
    void Number(uint32_t number) {
        std::array<char, 11> digits = {};
        char *start = digits.data() + digits.size() - 1;
        do {
            *--start = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        Text(start);
    }
    [[nodiscard]] size_t length() const { return length_; }
    void Write(int fd) {
        text_[length_++] = '\n';
        const ssize_t ignored = write(fd, text_.data(), length_);
        static_cast<void>(ignored);
        length_ = 0;
    }

private:
    std::array<char, 256> text_ = {};
    size_t length_ = 0;
};

// @return false when it cannot be read.
bool Copy(const void *from, void *to, size_t size) {
    const iovec local = {.iov_base = to, .iov_len = size};
    const iovec remote = {.iov_base = const_cast<void *>(from), .iov_len = size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

bool IsText(uint8_t byte) {
    return byte == '\n' || byte == '\t' || (byte >= ' ' && byte < 0x7f);
}

void WriteText(int fd, const uint8_t *bytes, size_t count) {
    Line line;
    for (size_t i = 0; i < count;) {
        line.Text("|   ");
        for (; i < count && bytes[i] != '\n' && line.length() < kLongestLine; ++i) {
            line.Character(bytes[i] == '\t' ? ' ' : static_cast<char>(bytes[i]));
        }
        i += i < count && bytes[i] == '\n' ? 1 : 0;
        line.Write(fd);
    }
}

void WriteHex(int fd, const uint8_t *bytes, size_t count) {
    Line line;
    for (size_t i = 0; i < count;) {
        line.Text("|   ");
        for (const size_t end = std::min(i + kBytesPerLine, count); i < end; ++i) {
            line.Byte(bytes[i]);
        }
        line.Write(fd);
    }
}

struct Shown {
    std::array<char, sizeof(PanicLog::name)> name;
    std::array<uint8_t, sizeof(PanicLog::uuid)> uuid;
    const uint8_t *data;
    uint32_t length;
};

bool Read(const PanicLog *log, Shown &shown) {
    const bool is_read = Copy(&log->name, &shown.name, sizeof shown.name) &&
                         Copy(&log->uuid, &shown.uuid, sizeof shown.uuid) &&
                         Copy(&log->data, &shown.data, sizeof shown.data) &&
                         Copy(&log->length, &shown.length, sizeof shown.length);
    shown.name.back() = '\0';
    return is_read;
}

void WriteLog(int fd, const Shown &shown) {
    Line line;
    line.Text("| panic log ");
    line.Text(shown.name.data());
    line.Character(' ');
    for (const uint8_t byte : shown.uuid) {
        line.Byte(byte);
    }
    line.Text(", ");
    line.Number(shown.length);
    line.Text(" bytes");
    line.Write(fd);
    // Not on the stack, which may be short: one thread at a time writes a report.
    static std::array<uint8_t, kMostShown> bytes;
    const size_t count = std::min<size_t>(shown.length, bytes.size());
    if (count == 0 || !Copy(shown.data, bytes.data(), count)) {
        return;
    }
    if (std::all_of(bytes.data(), bytes.data() + count, IsText)) {
        WriteText(fd, bytes.data(), count);
    } else {
        WriteHex(fd, bytes.data(), count);
    }
}

}  // namespace

void WritePanicLogs(int fd) {
    for (size_t i = 0; i < PanicLogs::kMost; ++i) {
        const PanicLog *log = PanicLogs::Instance().Get(i);
        Shown shown = {};
        if (log != nullptr && Read(log, shown)) {
            WriteLog(fd, shown);
        }
    }
}

}  // namespace opendext::host
