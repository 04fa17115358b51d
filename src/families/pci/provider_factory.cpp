// SPDX-License-Identifier: Apache-2.0
#include "families/pci/provider_factory.h"

#include <utility>

#include "families/pci/pci_device_state.h"

namespace opendext::pci {

IOService *MakeProvider(std::string_view class_name) {
    if (class_name == "IOPCIDevice") {
        return OSTypeAlloc(IOPCIDevice);
    }
    return OSTypeAlloc(IOService);
}

bool GiveDevice(IOService *provider, std::shared_ptr<backends::PciBackend> backend) {
    IOPCIDevice *device = OSDynamicCast(IOPCIDevice, provider);
    if (device == nullptr) {
        return false;
    }
    AttachBackend(device, std::move(backend));
    return true;
}

}  // namespace opendext::pci
