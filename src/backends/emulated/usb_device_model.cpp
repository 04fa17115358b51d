// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_device_model.h"

namespace opendext::backends {

UsbControlReply UsbDeviceModel::OnControl(const UsbSetup & /*setup*/,
                                          std::span<std::byte> /*data*/) {
    return UsbControlReply::Stall();
}

void UsbDeviceModel::OnRequest(const UsbModelRequest & /*request*/) {}

void UsbDeviceModel::OnCancelled(UsbRequestId /*request*/) {}

void UsbDeviceModel::OnConfigured(uint8_t /*configuration*/) {}

void UsbDeviceModel::OnAlternateSetting(uint8_t /*interface_number*/, uint8_t /*alternate*/) {}

void UsbDeviceModel::OnReset() {}

}  // namespace opendext::backends
