// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backends/api/usb_transfer.h"
#include "backends/usbip/usbip_reply_reader.h"
#include "backends/usbip/usbip_send_queue.h"
#include "backends/usbip/usbip_urb_table.h"
#include "base/system_error.h"
#include "base/unique_fd.h"

namespace opendext::backends {

/// A connection to an imported device. Transfers go out on the thread that starts them, as far as the socket takes
/// them; a thread of its own sends the rest, receives, and reports. No call waits for the server.
class UsbipChannel {
public:
    /// Any thread; no lock of the channel is held.
    class Listener {
    public:
        virtual ~Listener() = default;

        /// Once for each Start; possibly within Start or Cancel. The transfer is not touched any more.
        virtual void OnTransferDone(UsbTransfer &transfer, const UsbOutcome &outcome) = 0;

        /// The connection is over, every transfer has ended. Not called after Close.
        virtual void OnClosed(const std::string &why) = 0;
    };

    /// `socket` is connected, and the device imported. `listener` is used until Close has returned. @return why there is
    /// no thread for it, or no descriptor.
    [[nodiscard]] static std::expected<std::unique_ptr<UsbipChannel>, SystemError> Create(
        UniqueFd socket, uint32_t device_id, Listener &listener);

    ~UsbipChannel() { Close(); }
    UsbipChannel(const UsbipChannel &) = delete;
    UsbipChannel &operator=(const UsbipChannel &) = delete;

    /// `transfer` stays until OnTransferDone.
    void Start(UsbTransfer &transfer, const UsbipTiming &timing);

    /// Ends it now, whatever the server does. Done already: ignored.
    void Cancel(UsbTransfer &transfer);

    /// Ends the connection and with it every transfer (kRemoved); nothing is reported after its return. Not to be
    /// called by the listener.
    void Close();

private:
    UsbipChannel(UniqueFd socket, UniqueFd wake, uint32_t device_id, Listener &listener);
    void Serve();
    [[nodiscard]] std::string ServeUntilClosed();
    [[nodiscard]] std::expected<void, std::string> Transmit(short events);
    [[nodiscard]] std::expected<bool, std::string> Receive();
    void FlushLocked();
    void Wake() const;
    void Report(const std::vector<UsbipEndedTransfer> &ended);

    const UniqueFd socket_;
    const UniqueFd wake_;
    Listener &listener_;
    std::mutex mutex_;  // guards all but the thread
    UsbipSendQueue queue_;
    UsbipUrbTable urbs_;
    UsbipReplyReader reader_;
    bool is_closed_ = false;
    bool is_closing_ = false;
    std::string broken_;  // why the connection is of no use any more; empty: it is
    std::thread thread_;
};

}  // namespace opendext::backends
