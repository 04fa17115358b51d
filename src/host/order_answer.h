// SPDX-License-Identifier: Apache-2.0
/// @file order_answer.h
/// The answer of one order, given exactly once, whoever comes first: the work, or the end of the host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace opendext::host {

/// Orders that are not answered yet. Any thread; nothing is called with the lock held.
class OpenOrders {
public:
    using Poster = std::function<void(std::function<void()>)>;

    /// @param post where answers are given; empty: on the thread at hand.
    explicit OpenOrders(Poster post) : post_(std::move(post)) {}

    /// Enters an order. @param give_up gives the answer for a host that is gone.
    /// @return its number; 0 when the host is gone: then `give_up` has been posted.
    uint64_t Enter(std::function<void()> give_up) {
        {
            const std::scoped_lock lock(mutex_);
            if (!is_closed_) {
                open_.emplace(++last_, std::move(give_up));
                return last_;
            }
        }
        Post(std::move(give_up));
        return 0;
    }

    /// Answers an order, unless it has been answered.
    void Answer(uint64_t number, std::function<void()> give) {
        {
            const std::scoped_lock lock(mutex_);
            if (open_.erase(number) == 0) {
                return;
            }
        }
        Post(std::move(give));
    }

    /// Gives up every order, and those to come.
    void Close() {
        std::map<uint64_t, std::function<void()>> dropped;
        {
            const std::scoped_lock lock(mutex_);
            is_closed_ = true;
            dropped.swap(open_);
        }
        for (auto &[number, give_up] : dropped) {
            Post(std::move(give_up));
        }
    }

private:
    void Post(std::function<void()> work) {
        if (post_) {
            post_(std::move(work));
        } else {
            work();
        }
    }

    const Poster post_;
    std::mutex mutex_;
    bool is_closed_ = false;                          // guarded by mutex_
    uint64_t last_ = 0;                               // guarded by mutex_
    std::map<uint64_t, std::function<void()>> open_;  // guarded by mutex_
};

}  // namespace opendext::host
