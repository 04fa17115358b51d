// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::test {

/// Lines that arrive from elsewhere, kept in order, and waited for. Thread-safe.
class LogLines {
public:
    void Add(std::string line);

    /// Waits until `count` lines have `text` in them. False: they have not come within the hang guard of 30 s. While an
    /// interleaving is in force, the drivers come to rest first.
    [[nodiscard]] bool WaitFor(std::string_view text, size_t count = 1) const;

    [[nodiscard]] size_t Count(std::string_view text) const;
    [[nodiscard]] bool Contains(std::string_view text) const { return Count(text) != 0; }

    /// All of them, each with a newline.
    [[nodiscard]] std::string Text() const;

private:
    [[nodiscard]] size_t CountLocked(std::string_view text) const;

    mutable std::mutex mutex_;
    mutable std::condition_variable arrived_;
    std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace opendext::test
