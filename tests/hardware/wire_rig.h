// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backends/usb/usb_wire.h"

namespace opendext::hardware {

/// A transfer with memory of its own that can be waited for.
class Request final : public backends::UsbTransfer {
public:
    /// `span_bytes`: the buffer lies in spans of this size; 0: in one.
    Request(backends::UsbTransferType transfer_type, backends::UsbEndpointAddress address,
            uint64_t num_bytes, uint64_t span_bytes = 0);

    void OnComplete(const backends::UsbOutcome &outcome) override;

    /// Nothing when it has not ended within the hang guard.
    [[nodiscard]] std::optional<backends::UsbOutcome> Wait();
    [[nodiscard]] int num_completions();

    std::vector<std::byte> memory;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<backends::UsbOutcome> outcome_;
    int num_completions_ = 0;
};

/// A wire to hardware, here or at a USB/IP server, begun, and what it has reported.
class WireRig final : public backends::UsbWireListener {
public:
    /// `specification` as of --device.
    explicit WireRig(const std::string &specification);
    ~WireRig() override;
    WireRig(const WireRig &) = delete;
    WireRig &operator=(const WireRig &) = delete;

    /// Why there is no wire; empty when there is one.
    [[nodiscard]] const std::string &error() const { return error_; }
    [[nodiscard]] backends::UsbWire &wire() { return *wire_; }
    void End();

    /// Nothing when none comes within the hang guard.
    [[nodiscard]] std::optional<backends::UsbAttachment> WaitForDevice();
    [[nodiscard]] bool WaitForDeparture();

    [[nodiscard]] std::shared_ptr<Request> Start(std::shared_ptr<Request> request);
    /// Waits for the end; after the hang guard, cancels it, which is kUnderrun: what only frames have.
    [[nodiscard]] backends::UsbOutcome Finish(Request &request);
    /// A control request, with setup.length bytes of data, to its end.
    struct ControlAnswer {
        backends::UsbOutcome outcome;
        std::vector<std::byte> data;
    };
    [[nodiscard]] ControlAnswer Control(const backends::UsbSetup &setup);

    void OnAttached(backends::UsbAttachment attachment) override;
    void OnDetached() override;
    void OnDone(backends::UsbTransfer &transfer, const backends::UsbOutcome &outcome) override;

private:
    std::unique_ptr<backends::UsbWire> wire_;
    std::string error_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<backends::UsbAttachment> attachment_;
    int num_departures_ = 0;
};

}  // namespace opendext::hardware
