// SPDX-License-Identifier: Apache-2.0
/// @file usb_rig.h
/// A USB device on a wire of the test's, behind a real port, with the objects that drivers see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <USBDriverKit/USBDriverKit.h>

#include "backends/usb/recorded_transfers.h"
#include "backends/usb/scripted_usb_wire.h"
#include "backends/usb/wired_usb_port.h"
#include "base/registry_port.h"
#include "families/usb/provider_factory.h"
#include "families/usb/testing/completion_log.h"
#include "runtime/memory/retained.h"
#include "runtime/service/service_state.h"

namespace opendext::usb {

/// A registry that knows neighbours, and nothing else.
class NeighboursOnly final : public RegistryPort {
public:
    std::expected<EntryId, int32_t> CreateChild(EntryId, const PropertyValue &) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    void ChildFailed(EntryId) override {}
    int32_t RegisterService(EntryId) override { return kIOReturnUnsupported; }
    int32_t Terminate(EntryId) override { return kIOReturnUnsupported; }
    std::expected<PropertyValue, int32_t> CopyProperties(EntryId) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t MergeProperties(EntryId, const PropertyValue &) override {
        return kIOReturnUnsupported;
    }
    int32_t RemoveProperty(EntryId, const std::string &) override { return kIOReturnUnsupported; }
    std::expected<PropertyValue, int32_t> SearchProperty(EntryId, const std::string &,
                                                         const std::string &, bool) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t SetName(EntryId, const std::string &) override { return kIOReturnUnsupported; }
    std::expected<std::string, int32_t> CopyName(EntryId) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    std::expected<std::vector<PropertyValue>, int32_t> CopyProviderProperties(
        EntryId, const std::vector<std::string> &) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    std::expected<RelatedEntry, int32_t> CopyParent(EntryId entry) override {
        const auto found = parents.find(entry);
        if (found == parents.end()) {
            return std::unexpected(kIOReturnNotFound);
        }
        return found->second;
    }
    std::expected<std::vector<RelatedEntry>, int32_t> CopyChildren(EntryId entry) override {
        return children[entry];
    }
    int32_t JoinPowerTree(EntryId) override { return kIOReturnUnsupported; }
    int32_t ChangePowerState(EntryId, uint32_t) override { return kIOReturnUnsupported; }
    int32_t SetPowerOverride(EntryId, bool) override { return kIOReturnUnsupported; }
    int32_t AdjustBusy(EntryId, int32_t) override { return kIOReturnUnsupported; }
    std::expected<uint32_t, int32_t> GetBusyState(EntryId) override { return 0; }
    std::expected<EntryId, int32_t> SystemStateService() override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t CreateStateItem(EntryId, const std::string &, const PropertyValue &) override {
        return kIOReturnUnsupported;
    }
    int32_t SetStateItem(EntryId, const std::string &, const PropertyValue &) override {
        return kIOReturnUnsupported;
    }
    std::expected<PropertyValue, int32_t> CopyStateItem(EntryId, const std::string &) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    void ServiceStopped(EntryId) override {}

    std::map<EntryId, RelatedEntry> parents;
    std::map<EntryId, std::vector<RelatedEntry>> children;
};

/// A port with a device: entry 1 is the device, 10 and 11 are its interfaces 0 and 1. One driver, which has opened
/// nothing yet.
class UsbRig {
public:
    static constexpr EntryId kDeviceEntry{1};
    static constexpr EntryId kFirstInterfaceEntry{10};

    explicit UsbRig(std::unique_ptr<backends::UsbWire> made) {
        port = backends::WiredUsbPort::Create(std::move(made));
        port->SetListener(&listener);
        context->registry = registry;
        const RelatedEntry device_entry{kDeviceEntry, "IOUSBHostDevice", ""};
        registry->children[kDeviceEntry].push_back({EntryId{2}, "IOUserService", ""});
        for (uint64_t number = 0; number < 2; ++number) {
            const EntryId entry{static_cast<uint64_t>(kFirstInterfaceEntry) + number};
            registry->parents[entry] = device_entry;
            registry->children[kDeviceEntry].push_back(
                {entry, "IOUSBHostInterface", std::to_string(number)});
        }
        driver = NewDriver();
    }
    ~UsbRig() { port->SetListener(nullptr); }
    UsbRig(const UsbRig &) = delete;
    UsbRig &operator=(const UsbRig &) = delete;

    [[nodiscard]] memory::Retained<UsbTestDriver> NewDriver() const {
        memory::Retained<UsbTestDriver> made(OSTypeAlloc(UsbTestDriver));
        return made != nullptr && made->init() ? std::move(made) : nullptr;
    }

    /// As the host makes a provider.
    [[nodiscard]] memory::Retained<IOUSBHostDevice> NewDevice() {
        return memory::Retained<IOUSBHostDevice>(
            OSDynamicCast(IOUSBHostDevice, NewProvider("IOUSBHostDevice", kDeviceEntry, "")));
    }
    [[nodiscard]] memory::Retained<IOUSBHostInterface> NewInterface(uint64_t number) {
        const EntryId entry{static_cast<uint64_t>(kFirstInterfaceEntry) + number};
        return memory::Retained<IOUSBHostInterface>(OSDynamicCast(
            IOUSBHostInterface, NewProvider("IOUSBHostInterface", entry, std::to_string(number))));
    }

    std::shared_ptr<NeighboursOnly> registry = std::make_shared<NeighboursOnly>();
    std::shared_ptr<service::ServiceContext> context = std::make_shared<service::ServiceContext>();
    backends::RecordingPortListener listener;
    std::unique_ptr<backends::UsbPort> port;
    memory::Retained<UsbTestDriver> driver;

private:
    IOService *NewProvider(const char *class_name, EntryId entry, const std::string &part) {
        auto session = port->Open(listener.latest().id);
        IOService *made = MakeProvider(class_name);
        const bool is_ready =
            session && made != nullptr &&
            service::AttachToRegistry(made, context, entry, service::ServiceRole::kProvider) &&
            made->init() && GiveDevice(made, std::move(*session), part);
        return is_ready ? made : nullptr;
    }
};

/// The device of backends::TestUsbDescriptors, configured with 1, on a scripted wire.
class ScriptedUsbRig : public UsbRig {
public:
    explicit ScriptedUsbRig(backends::ScriptedUsbWire::StartFunction start = {})
        : ScriptedUsbRig(std::make_unique<backends::ScriptedUsbWire>(std::move(start))) {}

    backends::ScriptedUsbWire *const wire;

private:
    explicit ScriptedUsbRig(std::unique_ptr<backends::ScriptedUsbWire> made)
        : ScriptedUsbRig(made.get(), std::move(made)) {}
    ScriptedUsbRig(backends::ScriptedUsbWire *borrowed,
                   std::unique_ptr<backends::ScriptedUsbWire> made)
        : UsbRig(std::move(made)), wire(borrowed) {}
};

/// A buffer with its bytes.
struct TestBuffer {
    explicit TestBuffer(uint64_t num_bytes, uint64_t direction = kIOMemoryDirectionInOut) {
        IOBufferMemoryDescriptor *made = nullptr;
        if (IOBufferMemoryDescriptor::Create(direction, num_bytes, 0, &made) == kIOReturnSuccess) {
            memory.reset(made);
            IOAddressSegment range{};
            (void)made->GetAddressRange(&range);
            bytes = {reinterpret_cast<std::byte *>(range.address), range.length};
        }
    }

    memory::Retained<IOBufferMemoryDescriptor> memory;
    std::span<std::byte> bytes;
};

}  // namespace opendext::usb
