// SPDX-License-Identifier: Apache-2.0
/// @file completion_gate.h
/// The way of asynchronous completions out of one user client.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "channel/wire/call.h"
#include "runtime/service/client_completion.h"

namespace opendext::host {

/// Lets completions through to the transport while the connection is open; drops them afterwards, without
/// an error (semantics.md 2.10). Shared by the session and the actions that the driver keeps. Any thread.
class CompletionGate {
public:
    void Attach(channel::CompletionSink *sink);

    /// Nothing gets through any more; on return no Complete is running.
    void Close();

    void Pass(const channel::AsyncCompletion &completion);

private:
    std::mutex mutex_;
    channel::CompletionSink *sink_ = nullptr;  // guarded by mutex_
};

/// The receiver of one asynchronous call's completions. When `is_revoked` becomes true nothing more is delivered:
/// the call failed.
[[nodiscard]] std::unique_ptr<service::CompletionReceiver> MakeReceiver(
    std::shared_ptr<CompletionGate> gate, const channel::AsyncTarget &target,
    std::shared_ptr<const std::atomic<bool>> is_revoked);

}  // namespace opendext::host
