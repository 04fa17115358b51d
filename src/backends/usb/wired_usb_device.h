// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bitset>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "backends/api/usb_port.h"
#include "backends/usb/usb_claims.h"
#include "backends/usb/usb_port_events.h"
#include "backends/usb/usb_transfer_table.h"

namespace opendext::backends {

class UsbPortState;

/// One device's stay at a WiredUsbPort: its sessions, what they claim, and the operations of UsbBackend for each of
/// them. Lives as long as a session or a transfer. Thread-safe, by the port's lock.
class WiredUsbDevice final : public UsbTransferGroup,
                             public std::enable_shared_from_this<WiredUsbDevice> {
public:
    /// `configuration`: bConfigurationValue in effect, or 0.
    WiredUsbDevice(std::shared_ptr<UsbPortState> port, UsbDeviceIdentity identity,
                   uint8_t configuration);

    [[nodiscard]] const UsbDeviceIdentity &identity() const { return *identity_; }
    [[nodiscard]] const std::shared_ptr<const UsbDeviceIdentity> &shared_identity() const {
        return identity_;
    }
    [[nodiscard]] bool IsPresent() const { return !is_detached_.load(std::memory_order_acquire); }

    // With the port's lock held.
    [[nodiscard]] const UsbClaims &claims() const { return claims_; }
    [[nodiscard]] UsbPortEvents::Event ConfiguredEvent() const;
    /// One for each interface that is not in its first setting.
    [[nodiscard]] std::vector<UsbPortEvents::Event> SettingEvents() const;

    /// The wire has lost it: ends every transfer with kRemoved; whoever ends the last one tells the listeners.
    void Detach(std::unique_lock<std::mutex> &lock);
    void OnDrained(std::unique_lock<std::mutex> &lock) override;

    // Sessions. Each is ended by EndSession.
    [[nodiscard]] BackendResult<std::shared_ptr<UsbBackend>> OpenSession();
    void EndSession(UsbSessionId session);

    // As of UsbBackend, for a session.
    [[nodiscard]] UsbFrameTime CurrentFrame();
    [[nodiscard]] uint8_t Configuration();
    [[nodiscard]] uint8_t AlternateSetting(uint8_t interface_number);
    [[nodiscard]] BackendResult<void> Claim(UsbSessionId session, UsbClaim what);
    void Release(UsbSessionId session, UsbClaim what);
    [[nodiscard]] BackendResult<void> SetConfiguration(UsbSessionId session, uint8_t value,
                                                       bool publishes);
    [[nodiscard]] BackendResult<void> SetAlternateSetting(UsbSessionId session,
                                                          uint8_t interface_number,
                                                          uint8_t alternate);
    [[nodiscard]] BackendResult<void> ClearHalt(UsbSessionId session, UsbEndpointAddress endpoint,
                                                bool tells_device);
    [[nodiscard]] BackendResult<void> Reset();
    [[nodiscard]] BackendResult<void> SetStreams(UsbSessionId session, UsbEndpointAddress endpoint,
                                                 uint16_t num_streams);
    void Submit(UsbSessionId session, std::unique_ptr<UsbTransfer> transfer);
    void Abort(UsbSessionId session, UsbEndpointAddress endpoint, uint16_t stream);
    void SetRemovalListener(UsbSessionId session, RemovalListener *listener);

private:
    struct Session {
        RemovalListener *listener = nullptr;
        bool was_told = false;
        bool is_being_told = false;
        std::thread::id teller;  // while is_being_told
    };

    /// Keeps transfers away from endpoints while they are being changed, and has those that are there end.
    class QuietEndpoints {
    public:
        QuietEndpoints(WiredUsbDevice &device, std::unique_lock<std::mutex> &lock,
                       UsbEndpointSet endpoints);
        ~QuietEndpoints() { device_.quiet_endpoints_ = 0; }
        QuietEndpoints(const QuietEndpoints &) = delete;
        QuietEndpoints &operator=(const QuietEndpoints &) = delete;

    private:
        WiredUsbDevice &device_;
    };

    // All with the lock held.
    [[nodiscard]] BackendResult<void> CheckPresent() const;
    template <typename Function>
    [[nodiscard]] BackendResult<void> CallWire(std::unique_lock<std::mutex> &lock,
                                               Function function);
    [[nodiscard]] BackendResult<void> Select(std::unique_lock<std::mutex> &lock,
                                             UsbSessionId session, uint8_t interface_number,
                                             uint8_t alternate);
    [[nodiscard]] UsbPortEvents::Event SettingEvent(const UsbInterfaceSetting &setting) const;
    [[nodiscard]] BackendResult<void> Configure(std::unique_lock<std::mutex> &lock,
                                                UsbSessionId session, uint8_t value,
                                                bool publishes);
    [[nodiscard]] BackendResult<const UsbClaims::OpenEndpoint *> FindOpen(
        UsbSessionId session, UsbEndpointAddress endpoint) const;
    void ReleaseAllAtWire(std::unique_lock<std::mutex> &lock);
    void ReleaseAtWireLater(std::unique_lock<std::mutex> &lock, uint8_t interface_number);
    void ReleaseAtWire(std::unique_lock<std::mutex> &lock, uint8_t interface_number);
    void Tell(std::unique_lock<std::mutex> &lock, UsbSessionId id);
    void WaitUntilTold(std::unique_lock<std::mutex> &lock, UsbSessionId id);

    const std::shared_ptr<UsbPortState> port_;
    const std::shared_ptr<const UsbDeviceIdentity> identity_;
    std::atomic<bool> is_detached_ = false;  // written with the lock held

    // Guarded by the port's lock.
    UsbClaims claims_;
    bool publishes_interfaces_;           // of the configuration in effect
    std::bitset<256> at_wire_;            // interfaces that the wire has claimed
    UsbEndpointSet quiet_endpoints_ = 0;  // transfers are refused
    bool is_gone_ = false;                // detached, and every transfer has ended
    std::map<UsbSessionId, Session> sessions_;
    std::condition_variable told_;
};

}  // namespace opendext::backends
