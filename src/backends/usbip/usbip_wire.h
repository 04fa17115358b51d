// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "backends/usb/usb_wire.h"
#include "backends/usbip/usbip_channel.h"
#include "backends/usbip/usbip_protocol.h"
#include "base/unique_fd.h"

namespace opendext::backends {

/// A device that a USB/IP server exports. The end of the connection is the end of the device: it is unplugged.
///
/// What USB/IP has no words for is kUnsupported: streams. Its server has no frame counter to ask: frames are counted
/// here, and isochronous transfers follow each other from as soon as the server can.
class UsbipWire final : public UsbWire, private UsbipChannel::Listener {
public:
    struct Limits {
        std::chrono::milliseconds control_timeout{5000};  ///< Of the wire's own requests.
    };

    /// Fetches the descriptors; waits for the server. `socket` has imported `device`; `name` is for log lines:
    /// "usbip:host/1-1".
    [[nodiscard]] static std::expected<std::unique_ptr<UsbipWire>, std::string> Create(
        UniqueFd socket, const UsbipDevice &device, std::string name);
    [[nodiscard]] static std::expected<std::unique_ptr<UsbipWire>, std::string> Create(
        UniqueFd socket, const UsbipDevice &device, std::string name, const Limits &limits);

    ~UsbipWire() override { End(); }

    void Begin(UsbWireListener &listener) override;
    void End() override;
    void Start(UsbTransfer &transfer) override;
    void Cancel(UsbTransfer &transfer) override;
    [[nodiscard]] BackendResult<void> SetConfiguration(uint8_t value) override;
    [[nodiscard]] BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) override;
    [[nodiscard]] BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                bool tells_device) override;
    /// Asks as the port of a hub is asked, which Linux's server understands. Old ones carry it out and then pass it on to
    /// the device, which refuses: kUnsupported here.
    [[nodiscard]] BackendResult<void> Reset() override;
    [[nodiscard]] BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) override;
    [[nodiscard]] BackendResult<void> Claim(uint8_t interface_number) override;
    void Release(uint8_t interface_number) override;
    [[nodiscard]] UsbFrameTime CurrentFrame() const override;

private:
    class ControlCall;

    UsbipWire(UsbAttachment attachment, std::string name, const Limits &limits);
    void OnTransferDone(UsbTransfer &transfer, const UsbOutcome &outcome) override;
    void OnClosed(const std::string &why) override;
    void ReportGone();

    [[nodiscard]] std::expected<size_t, UsbStatus> Control(const UsbSetup &setup,
                                                           std::span<std::byte> data);
    /// One without data.
    [[nodiscard]] BackendResult<void> Request(const UsbSetup &setup, std::string_view what);
    [[nodiscard]] UsbipTiming TimingOf(const UsbTransfer &transfer) const;
    [[nodiscard]] std::expected<void, UsbStatus> CheckFirstFrame(const UsbTransfer &transfer) const;

    UsbAttachment attachment_;  // constant once it has begun
    const std::string name_;
    const Limits limits_;

    enum class Presence : uint8_t { kUnknown, kReported, kGone };

    mutable std::mutex mutex_;
    UsbWireListener *listener_ = nullptr;
    Presence presence_ = Presence::kUnknown;
    bool is_closed_ = false;
    std::string why_closed_;
    uint8_t configuration_ = 0;
    std::map<uint8_t, uint8_t> alternates_;  // by interface; 0 when not here
    std::unique_ptr<UsbipChannel> channel_;  // last: its thread ends first
};

}  // namespace opendext::backends
