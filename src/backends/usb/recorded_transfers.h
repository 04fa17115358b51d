// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backends/api/usb_port.h"

namespace opendext::backends {

/// How transfers of a test have ended, in this order. Outlives them.
class RecordedTransfers {
public:
    struct Ended {
        int name = 0;
        UsbOutcome outcome;
        std::vector<UsbIsochronousFrame> frames;
    };

    /// A transfer to be submitted. Its buffer, of `num_bytes`, belongs to it. `then` runs in its OnComplete.
    std::unique_ptr<UsbTransfer> New(int name, UsbTransferType type, uint8_t endpoint,
                                     size_t num_bytes, std::function<void()> then = {}) {
        auto transfer = std::make_unique<Transfer>(*this, name, num_bytes, std::move(then));
        transfer->type = type;
        transfer->endpoint = {endpoint};
        return transfer;
    }
    std::unique_ptr<UsbTransfer> Bulk(int name, uint8_t endpoint, size_t num_bytes = 8,
                                      std::function<void()> then = {}) {
        return New(name, UsbTransferType::kBulk, endpoint, num_bytes, std::move(then));
    }
    std::unique_ptr<UsbTransfer> Control(int name, UsbSetup setup) {
        auto transfer = New(name, UsbTransferType::kControl, 0, setup.length);
        transfer->setup = setup;
        return transfer;
    }

    /// Waits until `count` have ended.
    std::vector<Ended> WaitFor(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ended_.size() >= count; });
        return ended_;
    }
    [[nodiscard]] std::vector<Ended> ended() const {
        const std::lock_guard lock(mutex_);
        return ended_;
    }
    [[nodiscard]] std::vector<int> names() const {
        std::vector<int> names;
        for (const Ended &each : ended()) {
            names.push_back(each.name);
        }
        return names;
    }
    [[nodiscard]] UsbStatus StatusOf(int name) const {
        for (const Ended &each : ended()) {
            if (each.name == name) {
                return each.outcome.status;
            }
        }
        return UsbStatus::kUnderrun;
    }
    /// Transfers that have not been destroyed.
    [[nodiscard]] int num_alive() const {
        const std::lock_guard lock(mutex_);
        return num_alive_;
    }

private:
    class Transfer final : public UsbTransfer {
    public:
        Transfer(RecordedTransfers &owner, int name, size_t num_bytes, std::function<void()> then)
            : owner_(owner), name_(name), bytes_(num_bytes), then_(std::move(then)) {
            buffer = {{.address = bytes_.data(), .num_bytes = num_bytes}};
            owner_.Count(1);
        }
        ~Transfer() override { owner_.Count(-1); }
        void OnComplete(const UsbOutcome &outcome) override {
            owner_.Record({name_, outcome, frames});
            if (then_) {
                then_();
            }
        }

    private:
        RecordedTransfers &owner_;
        const int name_;
        std::vector<std::byte> bytes_;
        const std::function<void()> then_;
    };

    void Record(Ended ended) {
        const std::lock_guard lock(mutex_);
        ended_.push_back(std::move(ended));
        changed_.notify_all();
    }
    void Count(int change) {
        const std::lock_guard lock(mutex_);
        num_alive_ += change;
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Ended> ended_;
    int num_alive_ = 0;
};

/// Records what a port tells.
class RecordingPortListener final : public UsbPortListener {
public:
    struct Told {
        char what = 0;  // 'A'ttached, 'D'etached, 'C'onfigured, 'S'etting selected
        UsbDeviceId device = UsbDeviceId::kNone;
        uint8_t configuration = 0;
        bool publishes = false;
        uint8_t interface_number = 0;
        uint8_t alternate = 0;
        bool operator==(const Told &) const = default;
    };

    void OnAttached(const UsbDeviceIdentity &device) override {
        {
            const std::lock_guard lock(mutex_);
            latest_ = device;
        }
        Record({.what = 'A', .device = device.id});
    }
    void OnDetached(UsbDeviceId device) override { Record({.what = 'D', .device = device}); }
    void OnConfigured(UsbDeviceId device, uint8_t value, bool publishes) override {
        Record({.what = 'C', .device = device, .configuration = value, .publishes = publishes});
    }
    void OnSettingSelected(const UsbDeviceIdentity &device,
                           const UsbInterfaceSetting &setting) override {
        Record({.what = 'S',
                .device = device.id,
                .interface_number = setting.number,
                .alternate = setting.alternate});
    }

    std::vector<Told> WaitFor(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return told_.size() >= count; });
        return told_;
    }
    [[nodiscard]] std::string kinds() const {
        const std::lock_guard lock(mutex_);
        std::string kinds;
        for (const Told &each : told_) {
            kinds += each.what;
        }
        return kinds;
    }
    /// The latest that was attached.
    [[nodiscard]] UsbDeviceIdentity latest() const {
        const std::lock_guard lock(mutex_);
        return latest_;
    }

private:
    void Record(Told told) {
        const std::lock_guard lock(mutex_);
        told_.push_back(told);
        changed_.notify_all();
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Told> told_;
    UsbDeviceIdentity latest_;
};

}  // namespace opendext::backends
