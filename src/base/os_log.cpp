// SPDX-License-Identifier: Apache-2.0
#include "base/os_log.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include <fmt/format.h>

struct os_log_s {
    std::string subsystem;
    std::string category;
};

os_log_s _os_log_default;
os_log_s _os_log_disabled;

namespace opendext {
namespace {

constexpr size_t kMaxMessageBytes = 4096;

std::mutex g_sink_mutex;

// Never destroyed: threads may log while the process ends.
std::shared_ptr<const OsLogSink> &SinkSlot() {
    static auto *slot = new std::shared_ptr<const OsLogSink>;
    return *slot;
}

std::shared_ptr<const OsLogSink> CurrentSink() {
    const std::lock_guard lock(g_sink_mutex);
    return SinkSlot();
}

// `os_log` formats as vsnprintf takes them: without the notes in braces, `%@` as an address, and no `%n`, which
// would write to memory.
void RewriteFormat(const char *format, std::string &out) {
    out.clear();
    for (const char *at = format; *at != '\0'; ++at) {
        out.push_back(*at);
        if (*at != '%') {
            continue;
        }
        ++at;
        if (*at == '{') {
            const char *end = std::strchr(at, '}');
            at = end != nullptr ? end + 1 : at + std::strlen(at);
        }
        while (*at != '\0' && std::strchr("#0- +'123456789.*hlqjztL", *at) != nullptr) {
            out.push_back(*at++);
        }
        if (*at == '\0') {
            out.push_back('%');
            break;
        }
        out.push_back(*at == '@' || *at == 'n' ? 'p' : *at);
    }
}

std::string_view ProgramName() {
    return program_invocation_short_name != nullptr ? program_invocation_short_name : "?";
}

std::string WallClockText() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    const auto microseconds =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() %
        1'000'000;
    std::tm calendar{};
    localtime_r(&seconds, &calendar);
    std::array<char, 32> text{};
    const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &calendar);
    return fmt::format("{}.{:06}", std::string_view(text.data(), length), microseconds);
}

}  // namespace

void SetOsLogSink(OsLogSink sink) {
    auto shared = sink ? std::make_shared<const OsLogSink>(std::move(sink)) : nullptr;
    const std::lock_guard lock(g_sink_mutex);
    SinkSlot().swap(shared);
}

std::string_view OsLogTypeName(os_log_type_t type) {
    switch (type) {
        case OS_LOG_TYPE_INFO:
            return "info";
        case OS_LOG_TYPE_DEBUG:
            return "debug";
        case OS_LOG_TYPE_ERROR:
            return "error";
        case OS_LOG_TYPE_FAULT:
            return "fault";
        default:
            return "default";
    }
}

void WriteOsLogLineToStderr(const OsLogLine &line) {
    std::string text = fmt::format("{} {}[{}] <{}> ", WallClockText(), ProgramName(), getpid(),
                                   OsLogTypeName(line.type));
    if (!line.subsystem.empty() || !line.category.empty()) {
        text += fmt::format("[{}:{}] ", line.subsystem, line.category);
    }
    text += line.message;
    text += '\n';
    // A line that stderr does not take is lost; there is nowhere to say so.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

int WriteOsLogLine(os_log_t log, os_log_type_t type, const char *format, va_list arguments) {
    if (log == nullptr) {
        log = OS_LOG_DEFAULT;
    }
    if (format == nullptr || !os_log_type_enabled(log, type)) {
        return 0;
    }
    static thread_local std::string rewritten;
    RewriteFormat(format, rewritten);
    std::array<char, kMaxMessageBytes> message{};
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    const int wanted = std::vsnprintf(message.data(), message.size(), rewritten.c_str(), arguments);
#pragma clang diagnostic pop
    size_t length = std::min(static_cast<size_t>(std::max(wanted, 0)), message.size() - 1);
    while (length > 0 && message[length - 1] == '\n') {
        --length;
    }
    const OsLogLine line{.type = type,
                         .subsystem = log->subsystem,
                         .category = log->category,
                         .message = std::string_view(message.data(), length)};
    if (const auto sink = CurrentSink()) {
        (*sink)(line);
    } else {
        WriteOsLogLineToStderr(line);
    }
    return static_cast<int>(length);
}

}  // namespace opendext

os_log_t os_log_create(const char *subsystem, const char *category) {
    static std::mutex mutex;
    static auto *logs =
        new std::map<std::pair<std::string, std::string>, std::unique_ptr<os_log_s>>;
    std::pair<std::string, std::string> key(subsystem != nullptr ? subsystem : "",
                                            category != nullptr ? category : "");
    const std::lock_guard lock(mutex);
    std::unique_ptr<os_log_s> &log = (*logs)[key];
    if (!log) {
        log.reset(new (std::nothrow) os_log_s{.subsystem = key.first, .category = key.second});
    }
    return log ? log.get() : OS_LOG_DEFAULT;
}

bool os_log_type_enabled(os_log_t log, os_log_type_t) {
    return log != OS_LOG_DISABLED;
}

void _os_log_line(os_log_t log, os_log_type_t type, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    opendext::WriteOsLogLine(log, type, format, arguments);
    va_end(arguments);
}
