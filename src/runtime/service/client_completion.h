// SPDX-License-Identifier: Apache-2.0
/// @file client_completion.h
/// The system's end of an asynchronous call: what IOUserClient::AsyncCompletion delivers to.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <DriverKit/IOReturn.h>

class OSAction;

namespace opendext::service {

/// Takes the completions of one asynchronous call. Destroyed with the last reference to its action.
class CompletionReceiver {
public:
    virtual ~CompletionReceiver() = default;

    /// One AsyncCompletion; there may be several for one call. Any thread; calls may overlap.
    virtual void Deliver(IOReturn status, std::span<const uint64_t> arguments) = 0;
};

/// An action for IOUserClientMethodArguments::completion: its GetReference is NULL, and AsyncCompletion on it
/// runs `receiver` on the calling thread. +1, or NULL when memory is short.
[[nodiscard]] OSAction *MakeCompletionAction(std::unique_ptr<CompletionReceiver> receiver);

}  // namespace opendext::service
