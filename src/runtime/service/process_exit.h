// SPDX-License-Identifier: Apache-2.0
/// @file process_exit.h
/// How a driver ends its own process.
#pragma once

#include <functional>

namespace opendext::service {

/// What ends the process when the driver asks for it (IOUserServer::Exit), on the driver's thread; it does not return.
/// Empty, as at first: the process is not the driver's to end. Any thread.
void SetProcessExit(std::function<void()> exit);

}  // namespace opendext::service
