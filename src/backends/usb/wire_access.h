// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// A port's wire, and who is calling it. Also the home of the port's one lock, which every method wants held and gives
/// up around calls of the wire. Ends with the port; whoever comes later finds it closed.
class WireAccess {
public:
    explicit WireAccess(std::unique_ptr<UsbWire> wire) : wire_(std::move(wire)) {}
    WireAccess(const WireAccess &) = delete;
    WireAccess &operator=(const WireAccess &) = delete;

    [[nodiscard]] std::mutex &mutex() { return mutex_; }

    /// Without the lock, before anybody else can call.
    void Begin(UsbWireListener &listener) { wire_->Begin(listener); }

    [[nodiscard]] bool is_open() const { return is_open_; }

    /// Returns what `function(UsbWire &)` returns. Precondition: is_open().
    template <typename Function>
    auto Call(std::unique_lock<std::mutex> &lock, Function function) {
        const CallScope scope(*this, lock);
        return function(*wire_);
    }

    /// As Call, for what must not reach another device than the one that it was meant for: see WaitForDeviceCalls.
    template <typename Function>
    auto CallDevice(std::unique_lock<std::mutex> &lock, Function function) {
        const DeviceCallScope scope(*this);
        return Call(lock, function);
    }

    /// Has the wire start a transfer. @return false when it is closed.
    [[nodiscard]] bool Start(std::unique_lock<std::mutex> &lock, UsbTransfer &transfer);

    /// Waits until every Start and CallDevice that other threads are in has returned.
    void WaitForDeviceCalls(std::unique_lock<std::mutex> &lock);

    /// Ends the wire, after the calls that are under way. On return it reports nothing any more. Once.
    void Close(std::unique_lock<std::mutex> &lock);

    /// Destroys it. After Close, without the lock.
    void Destroy() { wire_.reset(); }

private:
    class CallScope {
    public:
        CallScope(WireAccess &access, std::unique_lock<std::mutex> &lock)
            : access_(access), lock_(lock) {
            ++access_.num_calls_;
            lock_.unlock();
        }
        ~CallScope() {
            lock_.lock();
            if (--access_.num_calls_ == 0 && !access_.is_open_) {
                access_.changed_.notify_all();
            }
        }
        CallScope(const CallScope &) = delete;
        CallScope &operator=(const CallScope &) = delete;

    private:
        WireAccess &access_;
        std::unique_lock<std::mutex> &lock_;
    };

    /// With the lock held at both ends.
    class DeviceCallScope {
    public:
        explicit DeviceCallScope(WireAccess &access) : access_(access) {
            access_.device_callers_.push_back(std::this_thread::get_id());
        }
        ~DeviceCallScope() { access_.EndDeviceCall(); }
        DeviceCallScope(const DeviceCallScope &) = delete;
        DeviceCallScope &operator=(const DeviceCallScope &) = delete;

    private:
        WireAccess &access_;
    };

    void EndDeviceCall();
    [[nodiscard]] bool OthersCallDevice() const;

    std::mutex mutex_;
    std::unique_ptr<UsbWire> wire_;

    // Guarded by mutex_.
    bool is_open_ = true;
    size_t num_calls_ = 0;
    // One for each call that is under way: a wire may notice within one that the device is gone.
    std::vector<std::thread::id> device_callers_;
    size_t num_device_call_waiters_ = 0;
    std::condition_variable changed_;
};

/// Has the operations that talk to the device, or change who has what of it, take turns. Guarded by the port's lock.
class WireTurns {
public:
    using Errand = std::function<void(std::unique_lock<std::mutex> &lock)>;

    /// One turn. Waits for it; ends with the object, with the lock held.
    class Turn {
    public:
        Turn(WireTurns &turns, std::unique_lock<std::mutex> &lock) : turns_(turns), lock_(lock) {
            turns_.free_.wait(lock_, [this] { return !turns_.is_taken_; });
            turns_.is_taken_ = true;
        }
        ~Turn() { turns_.Give(lock_); }
        Turn(const Turn &) = delete;
        Turn &operator=(const Turn &) = delete;

    private:
        WireTurns &turns_;
        std::unique_lock<std::mutex> &lock_;
    };

    /// Runs `errand` in a turn: in this call when none is taken, else at the end of the one that is. Never waits for
    /// a turn.
    void Post(std::unique_lock<std::mutex> &lock, Errand errand);

private:
    void Give(std::unique_lock<std::mutex> &lock);

    bool is_taken_ = false;
    std::deque<Errand> errands_;
    std::condition_variable free_;
};

}  // namespace opendext::backends
