// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "backends/api/usb_backend.h"
#include "backends/remote/session_socket.h"
#include "base/unique_fd.h"

namespace opendext::backends {

namespace remote {
class ClientSession;
}

/// A session with a device that another process has: the driver's end of what UsbSessionServer serves there. Behaves as
/// the session at the other end does. Requests and completions go through shared memory, and so does the data of
/// transfers whose memory is in a SharedRegion, without a copy, from 4 KiB on. While both processes are busy, a request
/// makes no system call.
///
/// The end of the other process is the end of the device: every transfer completes with kRemoved, calls return, the
/// removal listener is told. Nothing that the other process writes is believed; its descriptors are read as a device's.
///
/// At most some 1,300 transfers of a session are under way at a time (kNoResources above). OnComplete runs on a thread
/// of the session, or on one that waits in SubmitAndPoll or another call; it may call Submit and Abort, and what the
/// session knows by itself: Descriptors, Speed, Address, IsPresent. From there, other calls return kBusy.
class RemoteUsbBackend final : public UsbBackend {
public:
    /// Joins the session at the other end of `socket` (CreateUsbSessionSockets). Waits for its server.
    /// @return kRemoved (nobody serves there, or not any more), kUnsupported (another version of OpenDext does, or it says
    /// what no device says), kInvalidArgument (not such a socket), kNoResources.
    [[nodiscard]] static BackendResult<std::shared_ptr<UsbBackend>> Connect(UniqueFd socket);

    ~RemoteUsbBackend() override;
    RemoteUsbBackend(const RemoteUsbBackend &) = delete;
    RemoteUsbBackend &operator=(const RemoteUsbBackend &) = delete;

    [[nodiscard]] BackendResult<std::shared_ptr<UsbBackend>> NewSession() override;
    [[nodiscard]] const UsbDescriptors &Descriptors() const override { return descriptors_; }
    [[nodiscard]] UsbSpeed Speed() const override { return speed_; }
    [[nodiscard]] uint8_t Address() const override { return address_; }
    [[nodiscard]] bool IsPresent() const override;
    /// The last one known when the device is gone.
    [[nodiscard]] UsbFrameTime CurrentFrame() const override;
    [[nodiscard]] BackendResult<void> Claim(UsbClaim what) override;
    void Release(UsbClaim what) override;
    /// The last one known when the device is gone.
    [[nodiscard]] uint8_t Configuration() const override;
    [[nodiscard]] BackendResult<void> SetConfiguration(uint8_t value,
                                                       bool publishes_interfaces) override;
    [[nodiscard]] uint8_t AlternateSetting(uint8_t interface_number) const override;
    [[nodiscard]] BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) override;
    [[nodiscard]] BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                bool tells_device) override;
    [[nodiscard]] BackendResult<void> Reset() override;
    [[nodiscard]] BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) override;
    void Submit(std::unique_ptr<UsbTransfer> transfer) override;
    void SubmitAndPoll(std::unique_ptr<UsbTransfer> transfer, const std::atomic<uint32_t> &word,
                       uint32_t expected) override;
    void Abort(UsbEndpointAddress endpoint, uint16_t stream) override;
    void SetRemovalListener(RemovalListener *listener) override;

private:
    struct Greeting;

    RemoteUsbBackend(std::shared_ptr<remote::ClientSession> session, Greeting greeting);
    [[nodiscard]] static BackendResult<Greeting> ReceiveWelcome(
        const remote::SessionSocket &socket);

    const std::shared_ptr<remote::ClientSession> session_;
    const UsbDescriptors descriptors_;
    const UsbSpeed speed_;
    const uint8_t address_;
    mutable std::atomic<uint8_t> last_configuration_;
    mutable std::atomic<uint64_t> last_frame_ = 0;
    mutable std::atomic<uint64_t> last_frame_time_ = 0;
};

}  // namespace opendext::backends
