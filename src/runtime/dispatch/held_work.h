// SPDX-License-Identifier: Apache-2.0
/// @file held_work.h
/// Asynchronous work that a thread hands over in one go.
#pragma once

namespace opendext::dispatch {

/// From HoldWork to LetWorkGo, what the calling thread hands to the worker pool is kept back, so that a worker is woken
/// once for it all, and does not take the processor from the thread that wakes it for each. Runs no driver's code and
/// waits for nothing meanwhile. May be nested: the last LetWorkGo counts.
void HoldWork();
void LetWorkGo();

}  // namespace opendext::dispatch
