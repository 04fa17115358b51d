// SPDX-License-Identifier: Apache-2.0
/// @file failed_starts.h
/// Finds the Start that fails and leaves something behind.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>

#include "runtime/service/life_checks.h"

namespace opendext::host {

/// The Starts that have failed a moment ago. A driver may undo with Cancel, whose handlers come later: so it looks again
/// after a while, and reports what is left then. Any thread.
class FailedStarts : public std::enable_shared_from_this<FailedStarts> {
public:
    void Watch(service::FailedStart start);

    /// The driver ends: what is left now is reported now.
    void Close();

private:
    using Start = std::shared_ptr<const service::FailedStart>;

    void LookAfter(const Start &start, std::chrono::milliseconds delay);
    void Look(const Start &start, std::chrono::milliseconds delay);
    bool Forget(const Start &start);

    std::mutex mutex_;
    std::list<Start> watched_;  // guarded by mutex_
};

}  // namespace opendext::host
