// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "backends/emulated/usb_device_model.h"
#include "models/usb_loopback/fault_plan.h"
#include "models/usb_loopback/loopback_queue.h"
#include "models/usb_loopback/protocol.h"

namespace opendext::models {

struct UsbLoopbackOptions {
    backends::UsbSpeed speed = backends::UsbSpeed::kHigh;  ///< kFull, kHigh or kSuper.
    bool is_composite = false;  ///< Class 0, so that interfaces are published by themselves.
    size_t fifo_bytes = 64 << 10;
    uint16_t tick_period_ms = 10;               ///< 0: only when asked for.
    uint16_t vendor = usb_loopback::kVendorId;  ///< Those of a product whose driver is to be tried.
    uint16_t product = usb_loopback::kProductId;
    uint16_t release = usb_loopback::kRelease;  ///< bcdDevice.
};

/// A device for tests and benchmarks: it sends back, swallows, and produces bytes by every kind of transfer, and goes
/// wrong in every way when it is told to. docs/devices/usb-loopback.md is its manual.
class UsbLoopbackModel final : public backends::UsbDeviceModel {
public:
    explicit UsbLoopbackModel(UsbLoopbackOptions options = {}) : options_(options) {}

    /// Ends the thread that ticks.
    ~UsbLoopbackModel() override;

    [[nodiscard]] std::string_view Name() const override { return "usb-loopback"; }
    [[nodiscard]] backends::BackendResult<backends::UsbDescription> Describe() const override;
    void Attach(backends::UsbDevicePort &port) override;
    backends::UsbControlReply OnControl(const backends::UsbSetup &setup,
                                        std::span<std::byte> data) override;
    void OnRequest(const backends::UsbModelRequest &request) override;
    void OnCancelled(backends::UsbRequestId request) override;
    void OnReset() override;

private:
    using Clock = std::chrono::steady_clock;

    // What a reset clears.
    struct State {
        usb_loopback::FaultPlan faults;
        usb_loopback::Counters counters{.sink_first_mismatch = ~0ULL};
        std::vector<std::byte> echo;
        uint16_t source_mode = usb_loopback::kSourcePattern;
        bool checks_sink = false;
        bool comes_back = false;
        uint16_t tick_period_ms = 0;
        uint64_t num_ticks_due = 0;  // made, and not sent yet
    };

    void PowerOn();
    void Leave();
    [[nodiscard]] backends::UsbControlReply Serve(const backends::UsbSetup &setup,
                                                  std::span<std::byte> data);
    [[nodiscard]] backends::UsbControlReply ServeRead(const backends::UsbSetup &setup,
                                                      std::span<std::byte> data);
    [[nodiscard]] backends::UsbControlReply ServeWrite(const backends::UsbSetup &setup,
                                                       std::span<const std::byte> data);
    [[nodiscard]] backends::UsbControlReply PlanFault(const backends::UsbSetup &setup);
    void ServeRequest(const backends::UsbModelRequest &request);
    [[nodiscard]] bool GoesWrong(const backends::UsbModelRequest &request);
    void HaltEndpoint(backends::UsbEndpointAddress endpoint);
    [[nodiscard]] usb_loopback::LoopbackQueue &QueueOf(uint16_t stream);
    void Swallow(const backends::UsbModelRequest &request);
    void Produce(const backends::UsbModelRequest &request);
    void ProduceFrame(const backends::UsbModelRequest &request);
    void SwallowFrame(const backends::UsbModelRequest &request);
    void SendTicks();
    void RunTicks();

    const UsbLoopbackOptions options_;
    backends::UsbDevicePort *port_ = nullptr;

    // Guarded by mutex().
    State state_;
    std::array<std::unique_ptr<usb_loopback::LoopbackQueue>, (1 << usb_loopback::kStreamsLog2) + 1>
        queues_;
    std::deque<backends::UsbModelRequest> tick_requests_;
    bool is_ending_ = false;
    std::condition_variable ticks_changed_;

    std::thread ticker_;  // from the first tick request on
};

}  // namespace opendext::models
