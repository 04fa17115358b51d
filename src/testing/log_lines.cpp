// SPDX-License-Identifier: Apache-2.0
#include <opendext/testing/log_lines.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/interleaver.h"

namespace opendext::test {

void LogLines::Add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    arrived_.notify_all();
}

bool LogLines::WaitFor(std::string_view text, size_t count) const {
    const Interleaver::OutsideScope outside;
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return CountLocked(text) >= count; });
}

size_t LogLines::Count(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    return CountLocked(text);
}

size_t LogLines::CountLocked(std::string_view text) const {
    return static_cast<size_t>(std::ranges::count_if(
        lines_, [text](const std::string &line) { return line.contains(text); }));
}

std::string LogLines::Text() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string &line : lines_) {
        text += line + "\n";
    }
    return text;
}

}  // namespace opendext::test
