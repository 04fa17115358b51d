// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel/wire/host_seam.h"
#include "registry/bundle.h"
#include "registry/lifetime.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

/// One driver process.
struct DriverHost {
    HostId id = 0;
    const Bundle *bundle = nullptr;
    std::string server_name;  ///< IOUserServerName.
    std::string label;  ///< For log lines: the server's name and the entry that caused the launch.
    std::optional<int32_t> readiness;  ///< 0, or why it never will be; nothing: not known yet.
    bool shared = false;               ///< Made under IOUserServerOneProcess.
    bool exiting = false;              ///< Asked to exit, or gone: takes no service any more.
    bool killed = false;               ///< By us, because it has not ended in time.
    std::unique_ptr<channel::HostReports> reports;
    std::unique_ptr<channel::DextHostPort> port;
    std::vector<std::function<void(int32_t)>> waiting;  ///< For readiness.
};

/// The driver processes, and which to use for a service (semantics.md 3.5). On the registry's thread.
class HostTable {
public:
    using MakeReports = std::function<std::unique_ptr<channel::HostReports>(HostId)>;
    using OnExit = std::function<void(HostId, const channel::HostExit &)>;

    HostTable(channel::HostLauncher &launcher, MakeReports make_reports, OnExit on_exit);

    /// The process for a service of `personality`: a new one, or under IOUserServerOneProcess one of the same
    /// server name. `provider_host`: the process of the provider, 0 if the system has it.
    /// @return NULL, with a log line, when the rules allow none.
    DriverHost *Acquire(const Bundle &bundle, const Personality &personality, HostId provider_host,
                        EntryId service);

    /// Calls `then` with 0 when the process is ready for orders, or with why it never will be.
    void WhenReady(HostId host, std::function<void(int32_t)> then);

    /// NULL when the process is gone.
    [[nodiscard]] DriverHost *Find(HostId host);

    /// Asks the process to end.
    void Exit(HostId host);

    /// Forgets a process that has exited.
    void Remove(HostId host);

    [[nodiscard]] std::vector<HostId> All() const;

private:
    DriverHost *FindShared(const std::string &server_name);
    DriverHost *Launch(const Bundle &bundle, const Personality &personality, EntryId service);

    channel::HostLauncher &launcher_;
    const MakeReports make_reports_;
    const OnExit on_exit_;
    HostId next_host_ = 1;
    std::map<HostId, std::unique_ptr<DriverHost>> hosts_;
    Lifetime lifetime_;
};

}  // namespace opendext::registry
