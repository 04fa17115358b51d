// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>

namespace opendext {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

LogLevel LevelFromEnvironment() {
    const char *name = std::getenv("OPENDEXT_LOG");
    for (size_t i = 0; name != nullptr && i < kLevelNames.size(); ++i) {
        if (kLevelNames[i] == name) {
            return static_cast<LogLevel>(i);
        }
    }
    return LogLevel::kInfo;
}

std::atomic<LogLevel> &CurrentLevel() {
    static std::atomic<LogLevel> level = LevelFromEnvironment();
    return level;
}

struct SinkSlot {
    std::mutex mutex;
    std::shared_ptr<const LogSink> sink;
};

SinkSlot &Slot() {
    // Never destroyed: static destructors of other images may still log.
    static auto *slot = new SinkSlot;
    return *slot;
}

}  // namespace

std::string_view LogLevelName(LogLevel level) {
    return kLevelNames.at(static_cast<size_t>(level));
}

void SetLogSink(LogSink sink) {
    auto replacement = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
    const std::lock_guard lock(Slot().mutex);
    Slot().sink.swap(replacement);
}

void SetLogLevel(LogLevel level) {
    CurrentLevel().store(level, std::memory_order_relaxed);
}

bool LogIsEnabled(LogLevel level) {
    return level >= CurrentLevel().load(std::memory_order_relaxed);
}

void LogLine(LogLevel level, std::string_view line) {
    if (!LogIsEnabled(level)) {
        return;
    }
    std::string clean(line);
    for (char &c : clean) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            c = ' ';
        }
    }
    std::shared_ptr<const LogSink> sink;
    {
        const std::lock_guard lock(Slot().mutex);
        sink = Slot().sink;
    }
    if (sink != nullptr) {
        (*sink)(level, clean);
    } else {
        WriteLogLineToStderr(level, clean);
    }
}

void WriteLogLineToStderr(LogLevel level, std::string_view line) {
    fmt::memory_buffer text;
    const auto out = std::back_inserter(text);
    if (level == LogLevel::kInfo) {
        fmt::format_to(out, "opendext: {}\n", line);
    } else {
        fmt::format_to(out, "opendext: {}: {}\n", LogLevelName(level), line);
    }
    std::string_view rest(text.data(), text.size());
    while (!rest.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
        if (written < 0 && errno != EINTR) {
            return;
        }
        rest.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
    }
}

}  // namespace opendext
