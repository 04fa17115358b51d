// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/wired_usb_port.h"

#include <utility>

#include "backends/usb/usb_port_state.h"
#include "backends/usb/wired_usb_device.h"

namespace opendext::backends {

std::unique_ptr<WiredUsbPort> WiredUsbPort::Create(std::unique_ptr<UsbWire> wire) {
    auto state = std::make_shared<UsbPortState>(std::move(wire));
    state->Begin();
    return std::unique_ptr<WiredUsbPort>(new WiredUsbPort(std::move(state)));
}

WiredUsbPort::WiredUsbPort(std::shared_ptr<UsbPortState> state) : state_(std::move(state)) {}

WiredUsbPort::~WiredUsbPort() {
    state_->End();
}

void WiredUsbPort::SetListener(UsbPortListener *listener) {
    state_->SetListener(listener);
}

BackendResult<std::shared_ptr<UsbBackend>> WiredUsbPort::Open(UsbDeviceId device) {
    const std::shared_ptr<WiredUsbDevice> found = state_->Find(device);
    if (found == nullptr) {
        return Refuse(BackendErrorCode::kRemoved, "the device is not at its port any more");
    }
    return found->OpenSession();
}

}  // namespace opendext::backends
