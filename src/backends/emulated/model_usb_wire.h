// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "backends/emulated/usb_device_model.h"
#include "backends/emulated/usb_frame_schedule.h"
#include "backends/emulated/usb_model_state.h"
#include "backends/emulated/usb_request_table.h"
#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// Where a model is plugged in when nobody says: bus 1, port 1.
inline constexpr uint32_t kModelUsbLocation = 0x01100000;

/// The wire to a software device. Serves standard requests from the description, keeps halts, paces isochronous frames by
/// the clock that drivers see, and brings the model back when it re-enumerates. Requests reach the model on the thread that
/// submits them, with the host's own memory.
///
/// What a model's callback completes is done on that thread, after the model's mutex has been given up; what a thread of
/// the model completes, detaching, and isochronous frames are the work of a thread of the wire. It starts when it is
/// needed first and sleeps, without a wake-up, whenever nothing is to be done.
class ModelUsbWire final : public UsbWire, private UsbDevicePort, private UsbStandardEffects {
public:
    /// Asks the model what it is. @return what Describe says.
    [[nodiscard]] static BackendResult<std::unique_ptr<ModelUsbWire>> Create(
        std::unique_ptr<UsbDeviceModel> model, uint32_t location = kModelUsbLocation);

    ~ModelUsbWire() override;

    /// Pulls the device out: everything outstanding ends. Returns at once. Any thread, not in the model.
    void Unplug() { Detach(); }
    ModelUsbWire(const ModelUsbWire &) = delete;
    ModelUsbWire &operator=(const ModelUsbWire &) = delete;

    // UsbWire.
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
    struct Done {
        UsbTransfer *transfer = nullptr;
        UsbOutcome outcome;
    };

    /// What Detach and Reattach ask for; no description: to be detached.
    using PlugOrder = std::optional<UsbDescription>;

    /// The model's mutex, held for callbacks: what they complete is delivered when it ends.
    class ModelScope {
    public:
        explicit ModelScope(ModelUsbWire &wire) : wire_(wire), lock_(wire.model_->mutex()) {
            wire_.in_callback_ = true;
        }
        ~ModelScope() {
            wire_.in_callback_ = false;
            wire_.DeliverDone(lock_);
        }
        ModelScope(const ModelScope &) = delete;
        ModelScope &operator=(const ModelScope &) = delete;

    private:
        ModelUsbWire &wire_;
        std::unique_lock<std::mutex> lock_;
    };

    ModelUsbWire(std::unique_ptr<UsbDeviceModel> model, UsbDescription description,
                 uint32_t location);

    // UsbDevicePort.
    void Complete(UsbRequestId request, UsbStatus status, uint64_t num_bytes) override;
    void Halt(UsbEndpointAddress endpoint) override;
    [[nodiscard]] bool IsHalted(UsbEndpointAddress endpoint) const override;
    void Detach() override;
    void Reattach(UsbDescription description) override;

    // UsbStandardEffects.
    bool SelectConfiguration(uint8_t value) override;
    bool SelectAlternateSetting(uint8_t interface_number, uint8_t alternate) override;
    void HaltForHost(UsbEndpointAddress endpoint) override;

    // With the model's mutex held.
    void StartControl(UsbTransfer &transfer);
    [[nodiscard]] UsbControlReply Answer(const UsbSetup &setup, std::span<std::byte> data);
    void StartAtEndpoint(UsbTransfer &transfer);
    void StartFrames(UsbTransfer &transfer, const UsbEndpoint &endpoint);
    void CompleteFrame(UsbPendingRequest &request, UsbStatus status, uint64_t num_bytes);
    void RunDueFrames();
    void RunFrame(const UsbFrameSchedule::DueFrame &due);
    void EndRequestsAt(UsbEndpointSet endpoints, UsbStatus status, bool tells_model);
    void AddDone(UsbTransfer &transfer, const UsbOutcome &outcome);

    /// Tells the listener what is done. `lock` holds the model's mutex, and may not any more on return.
    void DeliverDone(std::unique_lock<std::mutex> &lock);
    void Order(PlugOrder order);
    void WakeWorker();
    void Work();
    [[nodiscard]] bool WaitForWork();
    void DoWork();
    void CarryOut(PlugOrder order);
    [[nodiscard]] UsbAttachment Describe();
    [[nodiscard]] BackendResult<void> CheckPlugged() const;

    UsbWireListener *listener_ = nullptr;  // from Begin on
    const uint32_t location_;
    std::atomic<bool> is_unplugged_ = false;

    // Guarded by the model's mutex.
    UsbModelState state_;
    UsbRequestTable requests_;
    UsbFrameSchedule frames_;
    std::vector<Done> done_;             // not told yet
    std::vector<std::byte> data_stage_;  // of control transfers whose buffer is in pieces
    bool in_callback_ = false;
    UsbIsochronousFrame *current_frame_ = nullptr;
    uint8_t address_ = 1;

    // The worker. Taken inside of the model's mutex.
    std::mutex worker_mutex_;
    std::condition_variable work_;
    std::deque<PlugOrder> orders_;
    bool has_work_ = false;                     // the worker has not looked since
    std::optional<uint64_t> frames_due_at_ns_;  // UsbFrameSchedule::NextTime
    bool is_begun_ = false;
    bool is_ending_ = false;
    std::thread worker_;

    bool is_attached_ = false;  // told so; Begin, then the worker alone

    std::unique_ptr<UsbDeviceModel> model_;
};

}  // namespace opendext::backends
