// SPDX-License-Identifier: Apache-2.0
#include "families/usb/interface_session.h"

namespace opendext::usb {

const backends::UsbInterfaceSetting *InterfaceSession::Setting() const {
    const backends::UsbConfiguration *configuration =
        backend_->Descriptors().FindConfiguration(backend_->Configuration());
    return configuration != nullptr
               ? configuration->Find(number_, backend_->AlternateSetting(number_))
               : nullptr;
}

}  // namespace opendext::usb
