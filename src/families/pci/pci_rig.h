// SPDX-License-Identifier: Apache-2.0
/// @file pci_rig.h
/// An IOPCIDevice on a scripted model, without a registry; for tests.
#pragma once

#include <memory>

#include <DriverKit/IOService.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "backends/emulated/scripted_model.h"
#include "families/pci/provider_factory.h"
#include "runtime/memory/retained.h"

namespace opendext::pci {

class PciRig {
public:
    /// `add` completes the builder of the device.
    template <typename Add>
    explicit PciRig(Add add) {
        auto made = backends::ScriptedDevice::Make(add);
        model = made.model;
        backend = std::move(made.backend);
        device.reset(static_cast<IOPCIDevice *>(MakeProvider("IOPCIDevice")));
        client.reset(OSTypeAlloc(IOService));
        is_ready = device->init() && client->init() && GiveDevice(device.get(), backend);
    }

    void EnableCommand(uint16_t bits) {
        device->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand, bits);
    }
    [[nodiscard]] uint16_t Command() {
        uint16_t command = 0;
        device->ConfigurationRead16(kIOPCIConfigurationOffsetCommand, &command);
        return command;
    }

    std::shared_ptr<backends::EmulatedPciBackend> backend;
    backends::ScriptedModel *model = nullptr;
    memory::Retained<IOPCIDevice> device;
    memory::Retained<IOService> client;  ///< Opens the device.
    bool is_ready = false;
};

}  // namespace opendext::pci
