// SPDX-License-Identifier: Apache-2.0
// AppleUSBDescriptorParsing.h: walking over descriptors.
#include <USBDriverKit/AppleUSBDescriptorParsing.h>

#include <cstddef>
#include <cstdint>

namespace {

// Bytes that belong together: a configuration with its interfaces, the object store with its capabilities.
struct Container {
    const std::byte *begin = nullptr;
    size_t num_bytes = 0;
    size_t first_offset = 0;  // of the first descriptor inside
};

template <typename Descriptor>
Container ContainerOf(const Descriptor *descriptor) {
    if (descriptor == nullptr || descriptor->bLength < sizeof(Descriptor)) {
        return {};
    }
    return {.begin = reinterpret_cast<const std::byte *>(descriptor),
            .num_bytes = USBToHost16(descriptor->wTotalLength),
            .first_offset = descriptor->bLength};
}

// The descriptor that lies at `offset`, if all of it does, and it has at least `min_bytes`.
const IOUSBDescriptorHeader *At(const Container &container, size_t offset, size_t min_bytes) {
    if (offset > container.num_bytes || container.num_bytes - offset < min_bytes) {
        return nullptr;
    }
    const auto *found = reinterpret_cast<const IOUSBDescriptorHeader *>(container.begin + offset);
    return found->bLength >= min_bytes && found->bLength <= container.num_bytes - offset ? found
                                                                                         : nullptr;
}

// The one after `current`; the first one when that is NULL.
const IOUSBDescriptorHeader *After(const Container &container, const void *current,
                                   size_t min_bytes) {
    if (container.begin == nullptr) {
        return nullptr;
    }
    if (current == nullptr) {
        return At(container, container.first_offset, min_bytes);
    }
    const auto begin = reinterpret_cast<uintptr_t>(container.begin);
    const auto address = reinterpret_cast<uintptr_t>(current);
    if (address < begin || address - begin >= container.num_bytes) {
        return nullptr;
    }
    const IOUSBDescriptorHeader *here = At(container, address - begin, min_bytes);
    return here == nullptr ? nullptr : At(container, address - begin + here->bLength, min_bytes);
}

// A found descriptor as what its type says, if it is long enough.
template <typename Descriptor>
const Descriptor *As(const void *found, size_t min_bytes = sizeof(Descriptor)) {
    const auto *header = static_cast<const IOUSBDescriptorHeader *>(found);
    return header != nullptr && header->bLength >= min_bytes
               ? static_cast<const Descriptor *>(found)
               : nullptr;
}

template <typename Descriptor>
const Descriptor *FirstCapability(const IOUSBBOSDescriptor *bos, uint8_t type, size_t min_bytes) {
    return As<Descriptor>(IOUSBGetNextCapabilityDescriptorWithType(bos, nullptr, type), min_bytes);
}

}  // namespace

const IOUSBDescriptorHeader *IOUSBGetNextDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor) {
    return After(ContainerOf(configurationDescriptor), currentDescriptor,
                 sizeof(IOUSBDescriptorHeader));
}

const IOUSBDescriptorHeader *IOUSBGetNextDescriptorWithType(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor, const uint8_t type) {
    const IOUSBDescriptorHeader *next = currentDescriptor;
    do {
        next = IOUSBGetNextDescriptor(configurationDescriptor, next);
    } while (next != nullptr && next->bDescriptorType != type);
    return next;
}

const IOUSBDescriptorHeader *IOUSBGetNextAssociatedDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *parentDescriptor, const IOUSBDescriptorHeader *currentDescriptor) {
    if (parentDescriptor == nullptr) {
        return nullptr;
    }
    const IOUSBDescriptorHeader *next =
        IOUSBGetNextDescriptor(configurationDescriptor,
                               currentDescriptor != nullptr ? currentDescriptor : parentDescriptor);
    return next != nullptr && next->bDescriptorType != parentDescriptor->bDescriptorType ? next
                                                                                         : nullptr;
}

const IOUSBDescriptorHeader *IOUSBGetNextAssociatedDescriptorWithType(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *parentDescriptor, const IOUSBDescriptorHeader *currentDescriptor,
    const uint8_t type) {
    const IOUSBDescriptorHeader *next = currentDescriptor;
    do {
        next = IOUSBGetNextAssociatedDescriptor(configurationDescriptor, parentDescriptor, next);
    } while (next != nullptr && next->bDescriptorType != type);
    return next;
}

const IOUSBInterfaceAssociationDescriptor *IOUSBGetNextInterfaceAssociationDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor) {
    return As<IOUSBInterfaceAssociationDescriptor>(IOUSBGetNextDescriptorWithType(
        configurationDescriptor, currentDescriptor, kIOUSBDescriptorTypeInterfaceAssociation));
}

const IOUSBInterfaceDescriptor *IOUSBGetNextInterfaceDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor) {
    return As<IOUSBInterfaceDescriptor>(IOUSBGetNextDescriptorWithType(
        configurationDescriptor, currentDescriptor, kIOUSBDescriptorTypeInterface));
}

const IOUSBEndpointDescriptor *IOUSBGetNextEndpointDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBInterfaceDescriptor *interfaceDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor) {
    return As<IOUSBEndpointDescriptor>(IOUSBGetNextAssociatedDescriptorWithType(
        configurationDescriptor,
        reinterpret_cast<const IOUSBDescriptorHeader *>(interfaceDescriptor), currentDescriptor,
        kIOUSBDescriptorTypeEndpoint));
}

const IOUSBDeviceCapabilityDescriptorHeader *IOUSBGetNextCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor,
    const IOUSBDeviceCapabilityDescriptorHeader *currentDescriptor) {
    return reinterpret_cast<const IOUSBDeviceCapabilityDescriptorHeader *>(
        After(ContainerOf(bosDescriptor), currentDescriptor, kIOUSBDescriptorSizeDeviceCapability));
}

const IOUSBDeviceCapabilityDescriptorHeader *IOUSBGetNextCapabilityDescriptorWithType(
    const IOUSBBOSDescriptor *bosDescriptor,
    const IOUSBDeviceCapabilityDescriptorHeader *currentDescriptor, const uint8_t type) {
    const IOUSBDeviceCapabilityDescriptorHeader *next = currentDescriptor;
    do {
        next = IOUSBGetNextCapabilityDescriptor(bosDescriptor, next);
    } while (next != nullptr && (next->bDescriptorType != kIOUSBDescriptorTypeDeviceCapability ||
                                 next->bDevCapabilityType != type));
    return next;
}

const IOUSBDeviceCapabilityUSB2Extension *IOUSBGetUSB20ExtensionDeviceCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor) {
    return FirstCapability<IOUSBDeviceCapabilityUSB2Extension>(
        bosDescriptor, kIOUSBDeviceCapabilityTypeUSB20Extension,
        kIOUSBDescriptorSizeUSB20ExtensionCapability);
}

const IOUSBDeviceCapabilitySuperSpeedUSB *IOUSBGetSuperSpeedDeviceCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor) {
    return FirstCapability<IOUSBDeviceCapabilitySuperSpeedUSB>(
        bosDescriptor, kIOUSBDeviceCapabilityTypeSuperSpeed,
        kIOUSBDescriptorSizeSuperSpeedUSBDeviceCapability);
}

const IOUSBDeviceCapabilitySuperSpeedPlusUSB *IOUSBGetSuperSpeedPlusDeviceCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor) {
    return FirstCapability<IOUSBDeviceCapabilitySuperSpeedPlusUSB>(
        bosDescriptor, kIOUSBDeviceCapabilityTypeSuperSpeedPlus,
        sizeof(IOUSBDeviceCapabilitySuperSpeedPlusUSB));
}

const IOUSBDeviceCapabilityContainerID *IOUSBGetContainerIDDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor) {
    return FirstCapability<IOUSBDeviceCapabilityContainerID>(
        bosDescriptor, kIOUSBDeviceCapabilityTypeContainerID,
        kIOUSBDescriptorSizeContainerIDCapability);
}

const IOUSBPlatformCapabilityDescriptor *IOUSBGetPlatformCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor) {
    return FirstCapability<IOUSBPlatformCapabilityDescriptor>(
        bosDescriptor, kIOUSBDeviceCapabilityTypePlatform, kIOUSBDescriptorSizePlatformCapability);
}

const IOUSBDeviceCapabilityBillboard *IOUSBGetBillboardDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor) {
    return FirstCapability<IOUSBDeviceCapabilityBillboard>(
        bosDescriptor, kIOUSBDeviceCapabilityTypeBillboard,
        kIOUSBDescriptorSizeBillboardDeviceMinimum);
}
