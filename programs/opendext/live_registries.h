// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "channel/transport/bus_service_directory.h"

namespace opendext::cli {

/// Where registries put their sockets, one PID.sock each: $OPENDEXT_RUNTIME_DIR, or opendext below
/// $XDG_RUNTIME_DIR, or /tmp/opendext-UID. Made when it is not there, for this user only.
/// @return one line that says why it cannot be used.
[[nodiscard]] std::expected<std::filesystem::path, std::string> RuntimeFolder();

/// Connects to the registry that was started by `opendext run` of process `pid`; 0: to the only one that runs,
/// or the one that $OPENDEXT_REGISTRY names. @return one line: there is none, there are several, or it does not
/// answer.
[[nodiscard]] std::expected<std::shared_ptr<channel::BusServiceDirectory>, std::string>
ConnectToRegistry(int pid);

}  // namespace opendext::cli
