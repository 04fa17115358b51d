// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backends/remote/remote_usb_backend.h"
#include "backends/remote/usb_session_server.h"
#include "backends/usb/recorded_transfers.h"
#include "backends/usb/scripted_usb_wire.h"
#include "backends/usb/wired_port_fixture.h"
#include "backends/usb/wired_usb_port.h"
#include "base/futex.h"

namespace opendext::backends {

/// What the device of these tests does. Its wire is a ScriptedUsbWire with this as `on_start`:
///
///     control        request 1 keeps its data, 2 gives it back, 3 stalls, 4 stays, others succeed
///     0x01           keeps what comes
///     0x81           bytes that count up, of 251 values
///     0x82           stays until it is finished or cancelled
///     0x83           each frame is its number, one byte short
///
/// While an endpoint is held, its transfers stay. Any thread.
class TestDevice {
public:
    void OnStart(ScriptedUsbWire &wire, UsbTransfer &transfer) {
        UsbOutcome outcome;
        if (const auto function = Locked(on_start_)) {
            function();
        }
        {
            const std::lock_guard lock(mutex_);
            seen_.push_back({.buffer = transfer.buffer,
                             .setup = transfer.setup,
                             .stream = transfer.stream,
                             .first_frame = transfer.first_frame});
            changed_.notify_all();
            if (held_.contains(transfer.endpoint.value) || !Answer(transfer, outcome)) {
                return;
            }
        }
        wire.Finish(transfer, outcome);
    }

    struct Seen {
        std::vector<HostSpan> buffer;
        UsbSetup setup;
        uint16_t stream = 0;
        uint64_t first_frame = 0;
    };
    void WaitFor(size_t num_seen) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return seen_.size() >= num_seen; });
    }
    [[nodiscard]] Seen last() const {
        const std::lock_guard lock(mutex_);
        return seen_.back();
    }
    [[nodiscard]] std::vector<std::byte> TakeReceived() {
        const std::lock_guard lock(mutex_);
        return std::exchange(received_, {});
    }
    /// `function` runs within the wire's operations from now on, and its result is theirs.
    void SetOnOperation(std::function<BackendResult<void>(const std::string &)> function) {
        const std::lock_guard lock(mutex_);
        on_operation_ = std::move(function);
    }
    /// `function` runs before the device sees a transfer, on the thread that starts it.
    void SetOnStart(std::function<void()> function) {
        const std::lock_guard lock(mutex_);
        on_start_ = std::move(function);
    }
    BackendResult<void> OnOperation(const std::string &operation) {
        const auto function = Locked(on_operation_);
        return function ? function(operation) : BackendResult<void>{};
    }
    void Hold(uint8_t endpoint) {
        const std::lock_guard lock(mutex_);
        held_.insert(endpoint);
    }

private:
    template <typename Function>
    Function Locked(const Function &function) const {
        const std::lock_guard lock(mutex_);
        return function;
    }

    bool Answer(UsbTransfer &transfer, UsbOutcome &outcome) {
        if (transfer.type == UsbTransferType::kControl) {
            return Control(transfer, outcome);
        }
        switch (transfer.endpoint.value) {
            case 0x01:
                for (const HostSpan &piece : transfer.buffer) {
                    received_.insert(received_.end(), piece.address,
                                     piece.address + piece.num_bytes);
                }
                outcome.num_bytes = transfer.num_bytes();
                return true;
            case 0x81:
                for (const HostSpan &piece : transfer.buffer) {
                    for (uint64_t i = 0; i < piece.num_bytes; ++i) {
                        piece.address[i] = static_cast<std::byte>(outcome.num_bytes++ % 251);
                    }
                }
                return true;
            case 0x83:
                FillFrames(transfer);
                return true;
            default:
                return false;
        }
    }

    bool Control(UsbTransfer &transfer, UsbOutcome &outcome) {
        const UsbSetup &setup = transfer.setup;
        std::byte *const data = transfer.buffer.empty() ? nullptr : transfer.buffer[0].address;
        outcome.num_bytes = setup.length;
        if (setup.request == 1) {
            kept_.assign(data, data + setup.length);
        } else if (setup.request == 2) {
            outcome.num_bytes = std::min<size_t>(kept_.size(), setup.length);
            std::copy_n(kept_.begin(), outcome.num_bytes, data);
        } else if (setup.request == 3) {
            outcome = {.status = UsbStatus::kStalled, .num_bytes = 0};
        }
        return setup.request != 4;
    }

    static void FillFrames(UsbTransfer &transfer) {
        std::byte *next = transfer.buffer[0].address;
        for (size_t i = 0; i < transfer.frames.size(); ++i) {
            UsbIsochronousFrame &frame = transfer.frames[i];
            frame.num_done = frame.num_requested - 1;
            frame.status = UsbStatus::kSuccess;
            frame.mach_time = 1000 + i;
            std::memset(next, static_cast<int>(i), frame.num_done);
            next += frame.num_requested;
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> on_start_;
    std::function<BackendResult<void>(const std::string &)> on_operation_;
    std::set<uint8_t> held_;
    std::vector<Seen> seen_;
    std::vector<std::byte> kept_;
    std::vector<std::byte> received_;
};

/// What a thread that waits for one transfer has. Outlives it.
class AwaitedTransfer {
public:
    /// A control transfer over `data`.
    std::unique_ptr<UsbTransfer> Control(UsbSetup setup, std::vector<std::byte> &data) {
        setup.length = static_cast<uint16_t>(data.size());
        auto transfer = std::make_unique<Transfer>(*this);
        transfer->setup = setup;
        transfer->buffer = {{.address = data.data(), .num_bytes = data.size()}};
        return transfer;
    }

    /// As a family's synchronous request does it.
    UsbOutcome SubmitAndWait(UsbBackend &session, std::unique_ptr<UsbTransfer> transfer) {
        word_.store(0);
        session.SubmitAndPoll(std::move(transfer), word_, 0);
        while (word_.load() == 0) {
            FutexWait(word_, 0, std::nullopt, FutexScope::kThisProcess);
        }
        return outcome_;
    }

private:
    struct Transfer final : UsbTransfer {
        explicit Transfer(AwaitedTransfer &owner) : owner_(owner) {}
        void OnComplete(const UsbOutcome &outcome) override {
            owner_.outcome_ = outcome;
            std::atomic<uint32_t> &word = owner_.word_;
            word.store(1);
            FutexWakeAll(word, FutexScope::kThisProcess);
        }
        AwaitedTransfer &owner_;
    };

    std::atomic<uint32_t> word_ = 0;
    UsbOutcome outcome_;
};

/// A flag that threads wait for.
class Event {
public:
    void Set() {
        const std::lock_guard lock(mutex_);
        is_set_ = true;
        changed_.notify_all();
    }
    void Wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_set_; });
    }
    [[nodiscard]] bool is_set() const {
        const std::lock_guard lock(mutex_);
        return is_set_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool is_set_ = false;
};

/// A session of a port with a TestDevice, served and joined in this process; `session` is the remote one. The transfers
/// are of WiredPortTest.
class RemoteSessionTest : public WiredPortTest {
protected:
    RemoteSessionTest()
        : WiredPortTest([this](ScriptedUsbWire &on, UsbTransfer &transfer) {
              device.OnStart(on, transfer);
          }) {
        // What threads of the server read is set before there are any, or under a lock: that their requests come
        // through shared memory is no order that ThreadSanitizer sees.
        wire->on_operation = [this](const std::string &operation) {
            return device.OnOperation(operation);
        };
        wire->num_moved_at_cancel = 3;
        session = Join(std::exchange(session, nullptr));
    }
    ~RemoteSessionTest() override {
        session.reset();
        server.reset();
    }

    /// A remote session for one of the port's.
    [[nodiscard]] std::shared_ptr<UsbBackend> Join(std::shared_ptr<UsbBackend> direct,
                                                   std::function<void()> on_end = {}) {
        auto sockets = CreateUsbSessionSockets().value();
        const auto served =
            server->Serve(std::move(sockets.server), std::move(direct), std::move(on_end));
        EXPECT_TRUE(served.has_value()) << served.error().message;
        auto joined = RemoteUsbBackend::Connect(std::move(sockets.client));
        EXPECT_TRUE(joined.has_value()) << joined.error().message;
        return joined.value_or(nullptr);
    }
    void ClaimAll() {
        ClaimInterface(0);
        ClaimInterface(1);
    }
    /// Holds an interrupt transfer at the device.
    void SubmitHeld(int name) {
        const size_t num_before = wire->Started().size();
        session->Submit(transfers.New(name, UsbTransferType::kInterrupt, 0x82, 8));
        wire->WaitForStarts(num_before + 1);
    }

    TestDevice device;
    std::unique_ptr<UsbSessionServer> server = std::make_unique<UsbSessionServer>();
};

}  // namespace opendext::backends
