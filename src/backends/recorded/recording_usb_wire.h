// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/recorded/capture_writer.h"
#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// Bytes of one URB in a recording. Longer transfers are written as several, as Linux's libusb would have sent them:
/// Wireshark takes no packets above 256 KiB. A multiple of every packet size.
inline constexpr uint32_t kRecordedUrbBytes = 224 * 1024;

/// Passes everything on to another wire and writes what passes into a capture: for each device that is attached, first
/// what a host would have asked it (descriptors, strings, and the configuration that it has), then its
/// transfers, and as control requests what the port asks of the wire.
class RecordingUsbWire final : public UsbWire, private UsbWireListener {
public:
    RecordingUsbWire(std::unique_ptr<UsbWire> wire, std::unique_ptr<CaptureWriter> writer);
    ~RecordingUsbWire() override;

    void Begin(UsbWireListener &listener) override;
    void End() override;
    void Start(UsbTransfer &transfer) override;
    void Cancel(UsbTransfer &transfer) override;
    [[nodiscard]] BackendResult<void> SetConfiguration(uint8_t value) override;
    [[nodiscard]] BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) override;
    [[nodiscard]] BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                bool tells_device) override;
    [[nodiscard]] BackendResult<void> Reset() override;
    [[nodiscard]] BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) override;
    [[nodiscard]] BackendResult<void> Claim(uint8_t interface_number) override;
    void Release(uint8_t interface_number) override;
    [[nodiscard]] UsbFrameTime CurrentFrame() const override;

private:
    /// One of the URBs that a transfer is written as.
    struct Part {
        uint64_t offset = 0;  // of its bytes in the transfer
        uint32_t num_bytes = 0;
        size_t first_frame = 0;
        size_t num_frames = 0;
    };
    struct Recorded {
        uint64_t first_urb = 0;
        UsbCaptureEvent event;  // what its URBs have in common
        std::vector<Part> parts;
    };

    // UsbWireListener, of the wire inside.
    void OnAttached(UsbAttachment attachment) override;
    void OnDetached() override;
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override;

    void WriteEnumeration(const UsbAttachment &attachment);
    void WriteRequest(const UsbSetup &setup, UsbStatus status, std::span<const std::byte> reply,
                      std::string_view comment = {});
    void WriteRequest(const UsbSetup &setup, const BackendResult<void> &done);
    [[nodiscard]] Recorded Plan(const UsbTransfer &transfer);
    [[nodiscard]] static std::vector<Part> PartsOf(const UsbTransfer &transfer);
    [[nodiscard]] static std::vector<Part> PartsOfFrames(const UsbTransfer &transfer);
    void WriteSubmissions(const Recorded &recorded, const UsbTransfer &transfer);
    void WriteCompletions(const Recorded &recorded, const UsbTransfer &transfer,
                          const UsbOutcome &outcome);
    void WriteFramesDone(UsbCaptureEvent event, const Part &part, const UsbTransfer &transfer);

    std::unique_ptr<UsbWire> wire_;
    const std::unique_ptr<CaptureWriter> writer_;
    UsbWireListener *listener_ = nullptr;

    std::mutex mutex_;  // guards the rest
    uint16_t bus_ = 0;
    uint8_t address_ = 0;
    uint64_t last_urb_ = 0;
    std::unordered_map<const UsbTransfer *, Recorded> recorded_;
};

/// [record:]FILE,SPEC: the device SPEC, recorded into FILE.
struct RecordingSpecification {
    std::string path;
    std::string device;
};

/// @return what is wrong with it, in one line.
[[nodiscard]] std::expected<RecordingSpecification, std::string> ParseRecordingSpecification(
    std::string_view text);

/// `wire`, recorded into a new file. @return why the file cannot be made.
[[nodiscard]] std::expected<std::unique_ptr<UsbWire>, std::string> WrapWithRecording(
    std::unique_ptr<UsbWire> wire, const std::string &path);

}  // namespace opendext::backends
