// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <thread>

#include "backends/emulated/usb_device_model.h"
#include "models/piece_cursor.h"
#include "models/usb_firmware/firmware_loader.h"

namespace opendext::models {

struct UsbFirmwareOptions {
    backends::UsbSpeed speed = backends::UsbSpeed::kHigh;  ///< kFull, kHigh or kSuper.
    uint32_t rate_kib_per_s = 0;  ///< How fast the loader takes bulk data; 0: as fast as it can.
    uint16_t heartbeat_ms = 100;  ///< 1 and up.
};

/// A device that needs firmware: it comes as a loader, takes an image, checks its SHA-256, and comes back as the running
/// device. docs/devices/usb-firmware.md is its manual.
class UsbFirmwareModel final : public backends::UsbDeviceModel {
public:
    explicit UsbFirmwareModel(UsbFirmwareOptions options = {}) : options_(options) {}

    /// Ends its thread.
    ~UsbFirmwareModel() override;

    [[nodiscard]] std::string_view Name() const override { return "usb-firmware"; }
    [[nodiscard]] backends::BackendResult<backends::UsbDescription> Describe() const override;
    void Attach(backends::UsbDevicePort &port) override;
    backends::UsbControlReply OnControl(const backends::UsbSetup &setup,
                                        std::span<std::byte> data) override;
    void OnRequest(const backends::UsbModelRequest &request) override;
    void OnCancelled(backends::UsbRequestId request) override;
    void OnReset() override;

private:
    using Clock = std::chrono::steady_clock;

    enum class Form : uint8_t { kLoader, kRunning };

    // A request that the thread works on: a piece of the image, or room for a heartbeat.
    struct Waiting {
        backends::UsbModelRequest request;
        PieceCursor at;
    };

    [[nodiscard]] backends::BackendResult<backends::UsbDescription> DescribeRunning() const;
    [[nodiscard]] backends::UsbControlReply ServeLoader(const backends::UsbSetup &setup,
                                                        std::span<std::byte> data);
    [[nodiscard]] backends::UsbControlReply ServeRunning(const backends::UsbSetup &setup,
                                                         std::span<std::byte> data);
    [[nodiscard]] backends::UsbControlReply Finish(std::span<const std::byte> data);
    void ComeBackAs(Form form);

    void Run();
    void TakeFirmware(std::unique_lock<std::mutex> &lock);
    void SendHeartbeat();

    const UsbFirmwareOptions options_;
    backends::UsbDevicePort *port_ = nullptr;

    // Guarded by mutex().
    Form form_ = Form::kLoader;
    Form next_form_ = Form::kLoader;  // after the next OnReset
    usb_firmware::FirmwareLoader loader_;
    std::deque<Waiting> waiting_;
    Clock::time_point started_;    // as the running device
    Clock::time_point next_time_;  // of the next heartbeat, or of the next bytes
    uint32_t num_heartbeats_ = 0;
    bool is_ending_ = false;
    std::condition_variable changed_;

    std::thread thread_;  // from Attach on
};

}  // namespace opendext::models
