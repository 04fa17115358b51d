// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace opendext {

/// Remembers what has been said, so that a remark is made once for each key. Any thread.
class OncePerKey {
public:
    /// Whether `key` comes for the first time. When there are too many keys to remember, none is new any more.
    [[nodiscard]] bool IsFirst(std::string key) {
        const std::lock_guard lock(mutex_);
        return keys_.size() < kMostKeys && keys_.insert(std::move(key)).second;
    }

private:
    static constexpr size_t kMostKeys = 1000;

    std::mutex mutex_;
    std::set<std::string> keys_;  // guarded by mutex_
};

}  // namespace opendext
