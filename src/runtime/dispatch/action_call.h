// SPDX-License-Identifier: Apache-2.0
/// @file action_call.h
/// How calls reach the targets of actions.
#pragma once

#include <functional>
#include <string>

#include <DriverKit/OSAction.h>
#include <DriverKit/OSMetaClass.h>

namespace opendext::dispatch {

/// Sends `rpc`, a call of the method that the action's TYPE names, to the action's target: on the queue of the
/// target's own method. Any thread.
/// @return kIOReturnSuccess when it was sent; kIOReturnAborted when the action is cancelled, and the call was
///         dropped; kIOReturnBadArgument when the action is of another type.
kern_return_t SendToAction(OSAction *action, const IORPC &rpc);

/// Runs the target's method on this thread, which the caller has brought onto the queue of its source. Pass it as
/// the last argument of a generated caller: `InterruptOccurred(action, count, time, RunActionHere)`. A target
/// method that declares a queue of its own, which was set, runs there instead, asynchronously.
/// @return as SendToAction.
kern_return_t RunActionHere(OSMetaClassBase *action, const IORPC rpc);

/// The TYPE of an action: the id of the method by which it is invoked.
uint64_t ActionType(const OSAction *action);

/// The action's target, +1; NULL when the action is cancelled.
[[nodiscard]] OSObject *CopyTargetOf(OSAction *action);

/// The action's target, only to be compared; NULL when the action is cancelled.
[[nodiscard]] const OSObject *TargetOf(OSAction *action);

/// Whether Cancel has been called.
[[nodiscard]] bool IsCancelled(OSAction *action);

/// The target's method, "TimerOccurred"; for diagnostics.
[[nodiscard]] std::string TargetMethodName(OSAction *action);

/// Calls `then` when what was sent to the action before this call has run: on the queue of the target's method, or on
/// this thread when the method has none or the action is cancelled.
void AfterInvocations(OSAction *action, std::function<void()> then);

}  // namespace opendext::dispatch
