// SPDX-License-Identifier: Apache-2.0
#include "backends/api/pci_identity.h"

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "backends/api/pci_registers.h"

namespace opendext::backends {
namespace {

PropertyValue LittleEndianData(uint32_t value) {
    PropertyValue::Data bytes;
    for (int i = 0; i < 4; ++i) {
        bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
    }
    return PropertyValue(std::move(bytes));
}

// Text in a data property ends with a zero byte.
void AppendName(PropertyValue::Data &data, std::string_view name) {
    data.insert(data.end(), name.begin(), name.end());
    data.push_back(0);
}

}  // namespace

PropertyValue::Dictionary PciIdentityProperties(PciBackend &backend) {
    const uint32_t ids = backend.ReadConfig(pci::kVendorId, AccessWidth::k32);
    const uint32_t class_and_revision = backend.ReadConfig(pci::kRevisionId, AccessWidth::k32);
    const uint32_t subsystem = backend.ReadConfig(pci::kSubsystemVendorId, AccessWidth::k32);
    const PciAddress address = backend.Address();
    const std::string io_name = fmt::format("pci{:x},{:x}", ids & 0xFFFF, ids >> 16);

    PropertyValue::Dictionary properties;
    properties["vendor-id"] = LittleEndianData(ids & 0xFFFF);
    properties["device-id"] = LittleEndianData(ids >> 16);
    properties["revision-id"] = LittleEndianData(class_and_revision & 0xFF);
    properties["class-code"] = LittleEndianData(class_and_revision >> 8);

    PropertyValue::Data compatible;
    if (subsystem != 0) {
        properties["subsystem-vendor-id"] = LittleEndianData(subsystem & 0xFFFF);
        properties["subsystem-id"] = LittleEndianData(subsystem >> 16);
        if (subsystem != ids) {
            AppendName(compatible,
                       fmt::format("pci{:x},{:x}", subsystem & 0xFFFF, subsystem >> 16));
        }
    }
    AppendName(compatible, io_name);
    AppendName(compatible, fmt::format("pciclass,{:06x}", class_and_revision >> 8));
    properties["compatible"] = std::move(compatible);

    PropertyValue::Data name;
    AppendName(name, io_name);
    properties["name"] = std::move(name);
    properties["IOName"] = io_name;
    properties["pcidebug"] = fmt::format("{}:{}:{}", address.bus, address.device, address.function);
    return properties;
}

}  // namespace opendext::backends
