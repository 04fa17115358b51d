// SPDX-License-Identifier: Apache-2.0
// Signposts, as debug lines of their log.
#include <os/signpost.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "base/os_log.h"

namespace {

/// Intervals that may be under way at a time; the begin of one more is not remembered.
constexpr size_t kMostIntervals = 10000;

uint64_t NowNs() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// Intervals that have begun and not ended. Any thread.
class Intervals {
public:
    using Key = std::tuple<os_log_t, os_signpost_id_t, std::string>;

    void Begin(const Key &key, uint64_t time_ns) {
        const std::lock_guard lock(mutex_);
        if (begins_.size() < kMostIntervals || begins_.contains(key)) {
            begins_[key] = time_ns;
        }
    }
    std::optional<uint64_t> End(const Key &key) {
        const std::lock_guard lock(mutex_);
        const auto begin = begins_.extract(key);
        return begin ? std::optional(begin.mapped()) : std::nullopt;
    }

private:
    std::mutex mutex_;
    std::map<Key, uint64_t> begins_;  // guarded by mutex_
};

Intervals &OpenIntervals() {
    static auto *intervals = new Intervals;  // for ever: threads may go on while the process ends
    return *intervals;
}

// Of what happens now, in front of the driver's own text.
std::string Introduction(os_log_t log, os_signpost_type_t type, os_signpost_id_t id,
                         const char *name) {
    const uint64_t now = NowNs();
    const std::string who = id == OS_SIGNPOST_ID_EXCLUSIVE
                                ? fmt::format("signpost {}", name)
                                : fmt::format("signpost {} {:#x}", name, id);
    if (type == OS_SIGNPOST_EVENT) {
        return fmt::format("{} at {} ns", who, now);
    }
    if (type == OS_SIGNPOST_INTERVAL_BEGIN) {
        OpenIntervals().Begin({log, id, name}, now);
        return fmt::format("{} begins at {} ns", who, now);
    }
    const std::optional<uint64_t> begin = OpenIntervals().End({log, id, name});
    return begin ? fmt::format("{} ends at {} ns, after {} ns", who, now, now - *begin)
                 : fmt::format("{} ends at {} ns", who, now);
}

// The text becomes part of a format.
std::string Escaped(const std::string &text) {
    std::string escaped;
    for (const char character : text) {
        escaped.append(character == '%' ? 2 : 1, character);
    }
    return escaped;
}

}  // namespace

os_signpost_id_t os_signpost_id_generate(os_log_t log) {
    static std::atomic<os_signpost_id_t> last = 0;
    return os_signpost_enabled(log) ? ++last : OS_SIGNPOST_ID_NULL;
}

os_signpost_id_t os_signpost_id_make_with_pointer(os_log_t log, const void *ptr) {
    return os_signpost_enabled(log) ? reinterpret_cast<uintptr_t>(ptr) : OS_SIGNPOST_ID_NULL;
}

bool os_signpost_enabled(os_log_t log) {
    return os_log_type_enabled(log, OS_LOG_TYPE_DEBUG);
}

void _os_signpost_emit(os_log_t log, os_signpost_type_t type, os_signpost_id_t id, const char *name,
                       const char *format, ...) {
    if (id == OS_SIGNPOST_ID_NULL || id == OS_SIGNPOST_ID_INVALID || name == nullptr ||
        !os_signpost_enabled(log)) {
        return;
    }
    // The macros put a blank in front.
    const std::string_view text = format != nullptr ? format : "";
    std::string line = Escaped(Introduction(log, type, id, name));
    if (text.size() > 1) {
        line.append(":").append(text);
    }
    va_list arguments;
    va_start(arguments, format);
    opendext::WriteOsLogLine(log, OS_LOG_TYPE_DEBUG, line.c_str(), arguments);
    va_end(arguments);
}
