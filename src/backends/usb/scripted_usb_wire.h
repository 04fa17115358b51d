// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// Descriptors for tests: interface 0 with bulk endpoints 0x01 and 0x81 (16 streams) and, in setting 1, the
/// isochronous 0x83; interface 1 with the interrupt endpoint 0x82; configuration 2 with interface 5 alone.
inline UsbDescriptors TestUsbDescriptors() {
    const auto bytes = [](std::initializer_list<int> values) {
        std::vector<std::byte> result;
        for (const int value : values) {
            result.push_back(static_cast<std::byte>(value));
        }
        return result;
    };
    const auto device =
        bytes({18, 1, 0x00, 0x03, 0, 0, 0, 9, 0x09, 0x12, 0x01, 0x00, 0, 1, 0, 0, 0, 2});
    const std::vector configurations = {
        bytes({9, 2, 81,   0, 2, 1,    0, 0x80, 50,                          //
               9, 4, 0,    0, 2, 0xFF, 0, 0,    0,                           //
               7, 5, 0x01, 2, 0, 4,    0, 6,    48, 0, 4, 0,    0,           //
               7, 5, 0x81, 2, 0, 4,    0, 6,    48, 0, 4, 0,    0,           //
               9, 4, 0,    1, 1, 0xFF, 0, 0,    0,  7, 5, 0x83, 1, 0, 4, 1,  //
               9, 4, 1,    0, 1, 0xFF, 0, 0,    0,  7, 5, 0x82, 3, 8, 0, 4}),
        bytes({9, 2, 18, 0, 1, 2, 0, 0x80, 50, 9, 4, 5, 0, 0, 0xFF, 0, 0, 0}),
    };
    std::vector<std::vector<std::byte>> fitted = configurations;
    fitted[0][2] = static_cast<std::byte>(fitted[0].size());
    return ReadUsbDescriptors(device, fitted, {}).value();
}

/// A wire for tests. What it does with a transfer is decided by `on_start`; it keeps account of everything, and a
/// transfer that nobody answers stays until it is cancelled or the wire ends.
class ScriptedUsbWire final : public UsbWire {
public:
    using StartFunction = std::function<void(ScriptedUsbWire &wire, UsbTransfer &transfer)>;

    explicit ScriptedUsbWire(StartFunction start = {}) : on_start(std::move(start)) {}
    ~ScriptedUsbWire() override { JoinAll(); }

    /// Answers at once: everything has moved.
    static void AnswerNow(ScriptedUsbWire &wire, UsbTransfer &transfer) { wire.Finish(transfer); }

    /// Answers from another thread.
    static void AnswerElsewhere(ScriptedUsbWire &wire, UsbTransfer &transfer) {
        wire.Spawn([&wire, &transfer] { wire.Finish(transfer); });
    }

    void Begin(UsbWireListener &listener) override {
        listener_ = &listener;
        Attach();
    }
    void End() override {
        for (UsbTransfer *transfer : Outstanding()) {
            Finish(*transfer, {.status = UsbStatus::kAborted});
        }
        JoinAll();
        const std::lock_guard lock(mutex_);
        log_.emplace_back("end");
    }
    void Start(UsbTransfer &transfer) override {
        {
            const std::lock_guard lock(mutex_);
            outstanding_.push_back(&transfer);
            started_.push_back(&transfer);
            changed_.notify_all();
        }
        if (on_start) {
            on_start(*this, transfer);
        }
    }
    void Cancel(UsbTransfer &transfer) override {
        {
            const std::lock_guard lock(mutex_);
            cancelled_.push_back(&transfer);
        }
        if (on_cancel) {
            return on_cancel(*this, transfer);
        }
        Finish(transfer, {.status = UsbStatus::kAborted, .num_bytes = num_moved_at_cancel});
    }
    BackendResult<void> SetConfiguration(uint8_t value) override {
        return Note("configuration " + std::to_string(value));
    }
    BackendResult<void> SetAlternateSetting(uint8_t interface_number, uint8_t alternate) override {
        return Note("setting " + std::to_string(interface_number) + "." +
                    std::to_string(alternate));
    }
    BackendResult<void> ClearHalt(UsbEndpointAddress endpoint, bool tells_device) override {
        return Note("clear " + std::to_string(endpoint.value) + (tells_device ? " told" : ""));
    }
    BackendResult<void> Reset() override { return Note("reset"); }
    BackendResult<void> SetStreams(UsbEndpointAddress endpoint, uint16_t num_streams) override {
        return Note("streams " + std::to_string(endpoint.value) + " " +
                    std::to_string(num_streams));
    }
    BackendResult<void> Claim(uint8_t interface_number) override {
        return Note("claim " + std::to_string(interface_number));
    }
    void Release(uint8_t interface_number) override {
        [[maybe_unused]] const auto done = Note("release " + std::to_string(interface_number));
    }
    UsbFrameTime CurrentFrame() const override { return {.frame = 77, .mach_time = 5}; }

    void Attach(uint8_t configuration = 1, uint8_t address = 3) {
        listener_->OnAttached({.speed = UsbSpeed::kSuper,
                               .address = address,
                               .location = 0x01200000,
                               .descriptors = TestUsbDescriptors(),
                               .product = "Scripted",
                               .configuration = configuration});
    }
    void Detach() { listener_->OnDetached(); }

    /// Ends a transfer that is outstanding; another one is ignored. Bytes left out: all of them.
    void Finish(UsbTransfer &transfer, UsbOutcome outcome = {.num_bytes = kAll}) {
        {
            const std::lock_guard lock(mutex_);
            if (std::erase(outstanding_, &transfer) == 0) {
                return;
            }
        }
        if (outcome.num_bytes == kAll) {
            outcome.num_bytes = transfer.type == UsbTransferType::kControl ? transfer.setup.length
                                                                           : transfer.num_bytes();
        }
        listener_->OnDone(transfer, outcome);
    }
    /// The port is told of the end of something that the wire does not have.
    void FinishAgain(UsbTransfer &transfer) { listener_->OnDone(transfer, {}); }

    [[nodiscard]] std::vector<UsbTransfer *> Outstanding() const {
        const std::lock_guard lock(mutex_);
        return outstanding_;
    }
    [[nodiscard]] std::vector<UsbTransfer *> Started() const {
        const std::lock_guard lock(mutex_);
        return started_;
    }
    [[nodiscard]] std::vector<UsbTransfer *> Cancelled() const {
        const std::lock_guard lock(mutex_);
        return cancelled_;
    }
    /// Waits until `count` transfers have been started since the beginning.
    void WaitForStarts(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return started_.size() >= count; });
    }
    /// The operations since the last call.
    [[nodiscard]] std::vector<std::string> TakeLog() {
        const std::lock_guard lock(mutex_);
        return std::exchange(log_, {});
    }
    void Spawn(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        threads_.emplace_back(std::move(work));
    }
    void JoinAll() {
        std::vector<std::thread> threads;
        {
            const std::lock_guard lock(mutex_);
            threads.swap(threads_);
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }

    StartFunction on_start;
    StartFunction on_cancel;
    /// Runs within the next operations; what it returns is their result.
    std::function<BackendResult<void>(const std::string &operation)> on_operation;
    uint64_t num_moved_at_cancel = 0;

private:
    static constexpr uint64_t kAll = ~0ULL;

    BackendResult<void> Note(const std::string &operation) {
        {
            const std::lock_guard lock(mutex_);
            log_.push_back(operation);
        }
        return on_operation ? on_operation(operation) : BackendResult<void>{};
    }

    UsbWireListener *listener_ = nullptr;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<UsbTransfer *> outstanding_;
    std::vector<UsbTransfer *> started_;
    std::vector<UsbTransfer *> cancelled_;
    std::vector<std::string> log_;
    std::vector<std::thread> threads_;
};

}  // namespace opendext::backends
