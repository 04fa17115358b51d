// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "backends/usb/recorded_transfers.h"
#include "backends/usb/scripted_usb_wire.h"
#include "backends/usb/wired_usb_port.h"

namespace opendext::backends {

inline BackendErrorCode CodeOf(const BackendResult<void> &result) {
    return result ? BackendErrorCode{-1} : result.error().code;
}

/// A port with a ScriptedUsbWire, a listener and one session.
class WiredPortTest : public ::testing::Test {
protected:
    explicit WiredPortTest(ScriptedUsbWire::StartFunction start = {}) {
        auto owned = std::make_unique<ScriptedUsbWire>(std::move(start));
        wire = owned.get();
        port = WiredUsbPort::Create(std::move(owned));
        port->SetListener(&listener);
        session = OpenSession();
    }
    ~WiredPortTest() override {
        session.reset();
        port.reset();
        EXPECT_EQ(transfers.num_alive(), 0);
    }

    [[nodiscard]] std::shared_ptr<UsbBackend> OpenSession() {
        return port->Open(listener.latest().id).value();
    }
    void ClaimInterface(uint8_t number = 0) {
        const auto claimed = session->Claim(number);
        ASSERT_TRUE(claimed.has_value()) << claimed.error().message;
        (void)wire->TakeLog();
    }
    void Submit(int name, uint8_t endpoint, size_t num_bytes = 8) {
        session->Submit(transfers.Bulk(name, endpoint, num_bytes));
    }

    RecordedTransfers transfers;
    RecordingPortListener listener;
    ScriptedUsbWire *wire = nullptr;
    std::unique_ptr<WiredUsbPort> port;
    std::shared_ptr<UsbBackend> session;
};

/// Counts removals, and runs something in each.
class CountingRemovalListener final : public RemovalListener {
public:
    void OnDeviceRemoved() override {
        if (on_removed) {
            on_removed();
        }
        const std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    void Wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return count_ != 0; });
    }
    [[nodiscard]] int count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

    std::function<void()> on_removed;

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

}  // namespace opendext::backends
