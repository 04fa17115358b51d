// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "channel/wire/service_directory.h"
#include "iokit/notification_router.h"
#include "iokit/object_table.h"

namespace opendext::iokit {

/// What the IOKit C functions of this process stand on: the connection to the registry, the object names and
/// the notification ports. The C interface has no argument for it, so there is one, made at the first call
/// and never destroyed. A child process that is forked starts with a new one: as with ports, its parent's names are
/// dead there, and it may open services itself. Thread-safe.
class Session {
public:
    static Session &Current();

    /// The registry; the first call connects to the one that the environment variable OPENDEXT_REGISTRY names
    /// (the path of its socket). NULL, with one log line, when there is none.
    std::shared_ptr<channel::ServiceDirectory> directory();

    /// Uses `directory` from now on: embedded mode and tests. NULL: connect again at the next use.
    void Install(std::shared_ptr<channel::ServiceDirectory> directory);

    ObjectTable &objects() { return objects_; }
    NotificationRouter &router() { return router_; }

private:
    explicit Session(Session *parents) : parents_(parents) {}

    /// That of the process that forked this one; its threads are not here, so nothing of it is used. Kept so that
    /// it is no leak.
    [[maybe_unused]] Session *const parents_;

    ObjectTable objects_;
    NotificationRouter router_;
    std::mutex mutex_;
    std::shared_ptr<channel::ServiceDirectory> directory_;  // guarded by mutex_
    bool warned_ = false;                                   // guarded by mutex_
};

}  // namespace opendext::iokit
