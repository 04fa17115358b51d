// SPDX-License-Identifier: Apache-2.0
#include "iokit/session.h"

#include <pthread.h>
#include <atomic>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "channel/transport/bus_service_directory.h"

namespace opendext::iokit {

Session &Session::Current() {
    // Never destroyed: driver and bus threads may use it while the process exits.
    static std::atomic<Session *> current = [] {
        pthread_atfork(nullptr, nullptr, [] { current.store(new Session(current.load())); });
        return new Session(nullptr);
    }();
    return *current.load(std::memory_order_acquire);
}

std::shared_ptr<channel::ServiceDirectory> Session::directory() {
    const std::lock_guard lock(mutex_);
    if (directory_) {
        return directory_;
    }
    const char *path = std::getenv("OPENDEXT_REGISTRY");
    if (path == nullptr || *path == '\0') {
        if (!std::exchange(warned_, true)) {
            LogError(
                "no registry: OPENDEXT_REGISTRY is not set; start the program with 'opendext run "
                "--app'");
        }
        return nullptr;
    }
    auto connected = channel::BusServiceDirectory::Connect(path);
    if (!connected) {
        if (!std::exchange(warned_, true)) {
            LogError("no registry at {}: {}; is 'opendext run' still running?", path,
                     connected.error());
        }
        return nullptr;
    }
    directory_ = *std::move(connected);
    return directory_;
}

void Session::Install(std::shared_ptr<channel::ServiceDirectory> directory) {
    const std::lock_guard lock(mutex_);
    directory_ = std::move(directory);
    warned_ = false;
}

}  // namespace opendext::iokit
