// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <IOKit/IOKitLib.h>

namespace opendext::test {

/// A notification port whose callbacks run on this thread, in the two functions below. Never NULL; end it with
/// IONotificationPortDestroy.
[[nodiscard]] IONotificationPortRef MakeLoopPort();

/// Runs callbacks until `condition` holds. False: it does not within the hang guard of 30 s. While an interleaving is in
/// force, the drivers come to rest first.
[[nodiscard]] bool RunLoopUntil(const std::function<bool()> &condition);

/// Runs the callbacks that are due.
void TakeInArrived();

}  // namespace opendext::test
