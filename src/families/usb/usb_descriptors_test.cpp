// SPDX-License-Identifier: Apache-2.0
// Descriptors that drivers copy, and AppleUSBDescriptorParsing.h.
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "families/usb/usb_rig.h"

namespace opendext::usb {
namespace {

using backends::ScriptedUsbWire;
using backends::UsbTransfer;
using memory::Retained;

// --- Walking.

// Descriptors in a row; the total length is filled in.
class Bytes {
public:
    Bytes(std::initializer_list<int> values) {
        for (const int value : values) {
            bytes_.push_back(static_cast<uint8_t>(value));
        }
        SetTotal(bytes_.size());
    }
    void SetTotal(size_t total) {
        bytes_[2] = static_cast<uint8_t>(total);
        bytes_[3] = static_cast<uint8_t>(total >> 8);
    }
    void Set(size_t offset, uint8_t value) { bytes_[offset] = value; }
    [[nodiscard]] const IOUSBConfigurationDescriptor *configuration() const {
        return reinterpret_cast<const IOUSBConfigurationDescriptor *>(bytes_.data());
    }
    [[nodiscard]] const IOUSBBOSDescriptor *capabilities() const {
        return reinterpret_cast<const IOUSBBOSDescriptor *>(bytes_.data());
    }
    [[nodiscard]] const IOUSBDescriptorHeader *at(size_t offset) const {
        return reinterpret_cast<const IOUSBDescriptorHeader *>(bytes_.data() + offset);
    }
    [[nodiscard]] size_t OffsetOf(const void *descriptor) const {
        return descriptor == nullptr
                   ? 0
                   : static_cast<size_t>(static_cast<const uint8_t *>(descriptor) - bytes_.data());
    }

private:
    std::vector<uint8_t> bytes_;
};

// An association (9), interface 0 (17) with a class descriptor (26) and endpoints (31, 38), interface 1 (45) with one
// endpoint (54).
Bytes TwoInterfaces() {
    return {9, 2,  0,    0, 2, 1,  0, 0xC0, 25,                 //
            8, 11, 0,    2, 2, 2,  1, 0,                        //
            9, 4,  0,    0, 2, 2,  2, 1,    0,                  //
            5, 36, 0,    1, 1,                                  //
            7, 5,  0x81, 3, 8, 0,  4, 7,    5,  1, 2, 0, 2, 0,  //
            9, 4,  1,    0, 1, 10, 0, 0,    0,                  //
            7, 5,  0x83, 1, 0, 12, 1};
}

TEST(DescriptorWalk, Everything_ComesInOrder) {
    const Bytes bytes = TwoInterfaces();
    std::vector<size_t> offsets;
    const IOUSBDescriptorHeader *found = nullptr;
    while ((found = IOUSBGetNextDescriptor(bytes.configuration(), found)) != nullptr) {
        offsets.push_back(bytes.OffsetOf(found));
    }
    EXPECT_EQ(offsets, (std::vector<size_t>{9, 17, 26, 31, 38, 45, 54}));
}

TEST(DescriptorWalk, Typed_FindsItsOwn) {
    const Bytes bytes = TwoInterfaces();
    const auto *configuration = bytes.configuration();
    EXPECT_EQ(bytes.OffsetOf(IOUSBGetNextInterfaceAssociationDescriptor(configuration, nullptr)),
              9U);
    const auto *first = IOUSBGetNextInterfaceDescriptor(configuration, nullptr);
    EXPECT_EQ(bytes.OffsetOf(first), 17U);
    const auto *second = IOUSBGetNextInterfaceDescriptor(
        configuration, reinterpret_cast<const IOUSBDescriptorHeader *>(first));
    EXPECT_EQ(bytes.OffsetOf(second), 45U);
    EXPECT_EQ(IOUSBGetNextInterfaceDescriptor(
                  configuration, reinterpret_cast<const IOUSBDescriptorHeader *>(second)),
              nullptr);
    EXPECT_EQ(bytes.OffsetOf(IOUSBGetNextDescriptorWithType(configuration, nullptr, 36)), 26U);
    EXPECT_EQ(IOUSBGetNextDescriptorWithType(configuration, nullptr, 99), nullptr);
}

TEST(DescriptorWalk, Associated_EndsAtTheNextOfTheParentsType) {
    const Bytes bytes = TwoInterfaces();
    const auto *configuration = bytes.configuration();
    const auto *interface = IOUSBGetNextInterfaceDescriptor(configuration, nullptr);
    const auto *endpoint = IOUSBGetNextEndpointDescriptor(configuration, interface, nullptr);
    EXPECT_EQ(bytes.OffsetOf(endpoint), 31U);
    endpoint = IOUSBGetNextEndpointDescriptor(
        configuration, interface, reinterpret_cast<const IOUSBDescriptorHeader *>(endpoint));
    EXPECT_EQ(bytes.OffsetOf(endpoint), 38U);
    EXPECT_EQ(
        IOUSBGetNextEndpointDescriptor(configuration, interface,
                                       reinterpret_cast<const IOUSBDescriptorHeader *>(endpoint)),
        nullptr);
    EXPECT_EQ(
        bytes.OffsetOf(IOUSBGetNextAssociatedDescriptor(configuration, bytes.at(17), nullptr)),
        26U);
    EXPECT_EQ(IOUSBGetNextAssociatedDescriptor(configuration, nullptr, nullptr), nullptr);
}

TEST(DescriptorWalk, BrokenLengths_EndTheWalk) {
    Bytes bytes = TwoInterfaces();
    const auto *configuration = bytes.configuration();
    bytes.Set(17, 0);  // a loop, if it were followed
    EXPECT_EQ(bytes.OffsetOf(IOUSBGetNextDescriptor(configuration, nullptr)), 9U);
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, bytes.at(9)), nullptr);
    EXPECT_EQ(IOUSBGetNextInterfaceDescriptor(configuration, nullptr), nullptr);
    bytes.Set(17, 1);
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, bytes.at(9)), nullptr);
    bytes.Set(17, 200);  // beyond the end
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, bytes.at(9)), nullptr);
    bytes.Set(17, 8);  // shorter than an interface
    EXPECT_EQ(IOUSBGetNextInterfaceDescriptor(configuration, nullptr), nullptr);
    bytes.SetTotal(9);
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, nullptr), nullptr);
    bytes.SetTotal(10);
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, nullptr), nullptr);
    bytes.SetTotal(0);
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, nullptr), nullptr);
    bytes.SetTotal(61);
    bytes.Set(0, 8);  // a configuration descriptor has 9
    EXPECT_EQ(IOUSBGetNextDescriptor(configuration, nullptr), nullptr);
}

TEST(DescriptorWalk, PointerFromElsewhere_IsRefused) {
    const Bytes bytes = TwoInterfaces();
    const Bytes other = TwoInterfaces();
    EXPECT_EQ(IOUSBGetNextDescriptor(bytes.configuration(), other.at(9)), nullptr);
    EXPECT_EQ(IOUSBGetNextDescriptor(nullptr, nullptr), nullptr);
}

TEST(CapabilityWalk, Capabilities_AreFoundByType) {
    Bytes bytes = {5,  15, 0, 0, 3,                      //
                   7,  16, 2, 2, 0,  0, 0,               //
                   10, 16, 3, 0, 14, 0, 1, 10, 0xff, 7,  //
                   20, 16, 4, 0, 1,  2, 3, 4,  5,    6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const auto *bos = bytes.capabilities();
    EXPECT_EQ(bytes.OffsetOf(IOUSBGetUSB20ExtensionDeviceCapabilityDescriptor(bos)), 5U);
    EXPECT_EQ(bytes.OffsetOf(IOUSBGetSuperSpeedDeviceCapabilityDescriptor(bos)), 12U);
    EXPECT_EQ(bytes.OffsetOf(IOUSBGetContainerIDDescriptor(bos)), 22U);
    EXPECT_EQ(IOUSBGetSuperSpeedPlusDeviceCapabilityDescriptor(bos), nullptr);
    EXPECT_EQ(IOUSBGetPlatformCapabilityDescriptor(bos), nullptr);
    EXPECT_EQ(IOUSBGetBillboardDescriptor(bos), nullptr);
    bytes.Set(22, 19);  // too short for a container id
    EXPECT_EQ(IOUSBGetContainerIDDescriptor(bos), nullptr);
    bytes.Set(12, 2);  // no room for a type
    EXPECT_EQ(IOUSBGetSuperSpeedDeviceCapabilityDescriptor(bos), nullptr);
}

// --- Fields.

IOUSBEndpointDescriptor Endpoint(uint8_t address, uint8_t attributes, uint16_t packet,
                                 uint8_t interval) {
    return {7, kIOUSBDescriptorTypeEndpoint, address, attributes, packet, interval};
}

TEST(EndpointFields, AddressTypeAndDirection_AreRead) {
    const auto in = Endpoint(0x83, 0x02, 512, 0);
    EXPECT_EQ(IOUSBGetEndpointAddress(&in), 0x83);
    EXPECT_EQ(IOUSBGetEndpointNumber(&in), 3);
    EXPECT_EQ(IOUSBGetEndpointType(&in), kIOUSBEndpointTypeBulk);
    EXPECT_EQ(IOUSBGetEndpointDirection(&in), kIOUSBEndpointDirectionIn);
    const auto out = Endpoint(0x0F, 0x0D, 1023, 1);
    EXPECT_EQ(IOUSBGetEndpointDirection(&out), kIOUSBEndpointDirectionOut);
    EXPECT_EQ(IOUSBGetEndpointType(&out), kIOUSBEndpointTypeIsochronous);
    const auto control = Endpoint(0x80, 0, 64, 0);
    EXPECT_EQ(IOUSBGetEndpointDirection(&control), kIOUSBEndpointDirectionUnknown);
    EXPECT_EQ(IOUSBGetEndpointAddress(nullptr), 0);
    EXPECT_EQ(IOUSBGetEndpointMaxPacketSize(kIOUSBHostConnectionSpeedHigh, nullptr), 0);
}

TEST(EndpointFields, PacketsMultipliersAndBursts_DependOnTheSpeed) {
    // Three packets of 1024 bytes in a microframe.
    const auto high = Endpoint(0x81, 0x01, 0x1400, 1);
    EXPECT_EQ(IOUSBGetEndpointMaxPacketSize(kIOUSBHostConnectionSpeedHigh, &high), 1024);
    EXPECT_EQ(IOUSBGetEndpointMult(kIOUSBHostConnectionSpeedHigh, &high, nullptr, nullptr), 3);
    EXPECT_EQ(IOUSBGetEndpointBurstSize(kIOUSBHostConnectionSpeedHigh, &high, nullptr, nullptr),
              3072U);
    const auto super = Endpoint(0x81, 0x01, 1024, 1);
    IOUSBSuperSpeedEndpointCompanionDescriptor companion{6, 48, 15, 2, 0};
    EXPECT_EQ(IOUSBGetEndpointMult(kIOUSBHostConnectionSpeedSuper, &super, &companion, nullptr), 3);
    EXPECT_EQ(
        IOUSBGetEndpointBurstSize(kIOUSBHostConnectionSpeedSuper, &super, &companion, nullptr),
        3U * 16 * 1024);
    const IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor plus{8, 49, 0, 90'000};
    EXPECT_EQ(
        IOUSBGetEndpointBurstSize(kIOUSBHostConnectionSpeedSuperPlus, &super, &companion, &plus),
        90'000U);
    EXPECT_EQ(IOUSBGetEndpointMult(kIOUSBHostConnectionSpeedSuperPlus, &super, &companion, &plus),
              6);
    const auto bulk = Endpoint(0x81, 0x02, 1024, 0);
    companion.bmAttributes = 4;
    EXPECT_EQ(IOUSBGetEndpointMult(kIOUSBHostConnectionSpeedSuper, &bulk, &companion, nullptr), 1);
    EXPECT_EQ(IOUSBGetEndpointMaxStreamsEncoded(kIOUSBHostConnectionSpeedSuper, &bulk, &companion),
              4U);
    EXPECT_EQ(IOUSBGetEndpointMaxStreams(kIOUSBHostConnectionSpeedSuper, &bulk, &companion), 16U);
    EXPECT_EQ(IOUSBGetEndpointMaxStreams(kIOUSBHostConnectionSpeedHigh, &bulk, &companion), 0U);
    companion.bmAttributes = 0;
    EXPECT_EQ(IOUSBGetEndpointMaxStreams(kIOUSBHostConnectionSpeedSuper, &bulk, &companion), 0U);
}

TEST(EndpointFields, Intervals_AreInMicroframesAndFrames) {
    struct Case {
        uint32_t speed;
        uint8_t attributes;
        uint8_t interval;
        uint32_t encoded;
        uint32_t microframes;
        uint32_t frames;
    };
    const Case cases[] = {
        {kIOUSBHostConnectionSpeedHigh, 3, 4, 4, 8, 1},
        {kIOUSBHostConnectionSpeedHigh, 3, 1, 1, 1, 1},
        {kIOUSBHostConnectionSpeedSuper, 1, 7, 7, 64, 8},
        {kIOUSBHostConnectionSpeedHigh, 3, 200, 16, 32768, 4096},
        {kIOUSBHostConnectionSpeedFull, 1, 1, 4, 8, 1},
        {kIOUSBHostConnectionSpeedFull, 3, 1, 4, 8, 1},
        {kIOUSBHostConnectionSpeedFull, 3, 10, 7, 64, 8},
        {kIOUSBHostConnectionSpeedLow, 3, 255, 11, 1024, 128},
        {kIOUSBHostConnectionSpeedLow, 3, 0, 4, 8, 1},
        {kIOUSBHostConnectionSpeedHigh, 2, 1, 0, 0, 0},
    };
    for (const Case &each : cases) {
        const auto endpoint = Endpoint(0x81, each.attributes, 8, each.interval);
        EXPECT_EQ(IOUSBGetEndpointIntervalEncodedMicroframes(each.speed, &endpoint), each.encoded);
        EXPECT_EQ(IOUSBGetEndpointIntervalMicroframes(each.speed, &endpoint), each.microframes);
        EXPECT_EQ(IOUSBGetEndpointIntervalFrames(each.speed, &endpoint), each.frames);
    }
}

TEST(ConfigurationFields, MaxPower_DependsOnTheSpeed) {
    const Bytes bytes = TwoInterfaces();
    EXPECT_EQ(IOUSBGetConfigurationMaxPowerMilliAmps(kIOUSBHostConnectionSpeedHigh,
                                                     bytes.configuration()),
              50U);
    EXPECT_EQ(IOUSBGetConfigurationMaxPowerMilliAmps(kIOUSBHostConnectionSpeedSuper,
                                                     bytes.configuration()),
              200U);
    EXPECT_EQ(IOUSBGetConfigurationMaxPowerMilliAmps(kIOUSBHostConnectionSpeedSuper, nullptr), 0U);
}

// --- Copies.

class Copies : public testing::Test {
protected:
    Copies()
        : rig([this](ScriptedUsbWire &wire, UsbTransfer &transfer) {
              last_request_type = transfer.setup.request_type;
              Answer(wire, transfer);
          }),
          device(rig.NewDevice()),
          interface(rig.NewInterface(1)) {}

    // Strings: "Hi" has index 1; index 2 is claimed to be longer than it is; 3 is something else; others stall.
    static void Answer(ScriptedUsbWire &wire, UsbTransfer &transfer) {
        const backends::UsbSetup &setup = transfer.setup;
        std::string answer;
        if (setup.request == kIOUSBDeviceRequestGetDescriptor && setup.value >> 8 == 3) {
            switch (setup.value & 0xFF) {
                case 1:
                    answer = std::string("\x06\x03H\0i\0", 6);
                    break;
                case 2:
                    answer = std::string("\x20\x03H\0", 4);
                    break;
                case 3:
                    answer = std::string("\x06\x04H\0i\0", 6);
                    break;
                default:
                    break;
            }
        } else if (setup.value >> 8 == 0x21) {
            answer = std::string("\x09\x21\x11\x01", 4);
        }
        if (answer.empty()) {
            return wire.Finish(transfer, {.status = backends::UsbStatus::kStalled});
        }
        std::memcpy(transfer.buffer[0].address, answer.data(),
                    std::min<size_t>(answer.size(), setup.length));
        wire.Finish(transfer, {.num_bytes = std::min<size_t>(answer.size(), setup.length)});
    }

    uint8_t last_request_type = 0;
    ScriptedUsbRig rig;
    Retained<IOUSBHostDevice> device;
    Retained<IOUSBHostInterface> interface;
};

TEST_F(Copies, Configurations_AreWhole) {
    const IOUSBConfigurationDescriptor *first = device->CopyConfigurationDescriptor(uint8_t{0});
    const IOUSBConfigurationDescriptor *current =
        device->CopyConfigurationDescriptor(rig.driver.get());
    const IOUSBConfigurationDescriptor *second = device->CopyConfigurationDescriptorWithValue(2);
    ASSERT_NE(first, nullptr);
    ASSERT_NE(current, nullptr);
    ASSERT_NE(second, nullptr);
    EXPECT_NE(first, current);
    EXPECT_EQ(std::memcmp(first, current, USBToHost16(first->wTotalLength)), 0);
    EXPECT_EQ(second->bConfigurationValue, 2);
    EXPECT_EQ(device->CopyConfigurationDescriptor(uint8_t{2}), nullptr);
    EXPECT_EQ(device->CopyConfigurationDescriptorWithValue(3), nullptr);
    EXPECT_EQ(device->CopyCapabilityDescriptors(), nullptr);
    IOUSBHostFreeDescriptor(first);
    IOUSBHostFreeDescriptor(current);
    IOUSBHostFreeDescriptor(second);
    IOUSBHostFreeDescriptor(static_cast<const IOUSBStringDescriptor *>(nullptr));
    ASSERT_EQ(device->SetConfiguration(0, false), kIOReturnSuccess);
    EXPECT_EQ(device->CopyConfigurationDescriptor(rig.driver.get()), nullptr);
    EXPECT_EQ(interface->CopyConfigurationDescriptor(), nullptr);
}

TEST_F(Copies, InterfaceDescriptor_PointsIntoTheConfiguration) {
    const IOUSBConfigurationDescriptor *configuration = interface->CopyConfigurationDescriptor();
    ASSERT_NE(configuration, nullptr);
    const IOUSBInterfaceDescriptor *found = interface->GetInterfaceDescriptor(configuration);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->bInterfaceNumber, 1);
    const auto offset =
        reinterpret_cast<uintptr_t>(found) - reinterpret_cast<uintptr_t>(configuration);
    EXPECT_LT(offset, USBToHost16(configuration->wTotalLength));
    const IOUSBEndpointDescriptor *endpoint =
        IOUSBGetNextEndpointDescriptor(configuration, found, nullptr);
    ASSERT_NE(endpoint, nullptr);
    EXPECT_EQ(IOUSBGetEndpointAddress(endpoint), 0x82);
    IOUSBHostFreeDescriptor(configuration);
}

TEST_F(Copies, Strings_AreCheckedForWhatTheyClaim) {
    const IOUSBStringDescriptor *text = device->CopyStringDescriptor(1);
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(text->bLength, 6);
    EXPECT_EQ(std::memcmp(text->bString, "H\0i\0", 4), 0);
    IOUSBHostFreeDescriptor(text);
    text = interface->CopyStringDescriptor(2, kIOUSBLanguageIDEnglishUS);
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(text->bLength, 4);
    IOUSBHostFreeDescriptor(text);
    EXPECT_EQ(device->CopyStringDescriptor(3), nullptr);
    EXPECT_EQ(interface->CopyStringDescriptor(4), nullptr);
}

TEST_F(Copies, CopyDescriptor_FillsWhatThereIsRoomFor) {
    uint8_t bytes[64] = {};
    uint16_t length = sizeof(bytes);
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDescriptorTypeDevice, &length, 0, 0,
                                     kIOUSBDeviceRequestTypeValueStandard,
                                     kIOUSBDeviceRequestRecipientValueDevice, bytes),
              kIOReturnSuccess);
    EXPECT_EQ(length, 18);
    length = 9;
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDescriptorTypeConfiguration, &length, 0, 0,
                                     kIOUSBDeviceRequestTypeValueStandard,
                                     kIOUSBDeviceRequestRecipientValueDevice, bytes),
              kIOReturnSuccess);
    EXPECT_EQ(length, 9);
    EXPECT_EQ(bytes[1], kIOUSBDescriptorTypeConfiguration);
    length = sizeof(bytes);
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDescriptorTypeConfiguration, &length, 7, 0,
                                     kIOUSBDeviceRequestTypeValueStandard,
                                     kIOUSBDeviceRequestRecipientValueDevice, bytes),
              kIOReturnNotFound);
    length = sizeof(bytes);
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDecriptorTypeHID, &length, 0, 0,
                                     kIOUSBDeviceRequestTypeValueStandard,
                                     kIOUSBDeviceRequestRecipientValueInterface, bytes),
              kIOReturnSuccess);
    EXPECT_EQ(length, 4);
    EXPECT_EQ(bytes[1], kIOUSBDecriptorTypeHID);
    EXPECT_EQ(last_request_type, 0x81);
    length = sizeof(bytes);
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDescriptorTypeHub, &length, 0, 0,
                                     kIOUSBDeviceRequestTypeValueClass,
                                     kIOUSBDeviceRequestRecipientValueDevice, bytes),
              kUSBHostReturnPipeStalled);
    EXPECT_EQ(length, 0);
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDescriptorTypeDevice, &length, 0, 0, 0, 0, bytes),
              kIOReturnBadArgument);
    EXPECT_EQ(device->CopyDescriptor(kIOUSBDescriptorTypeDevice, nullptr, 0, 0, 0, 0, bytes),
              kIOReturnBadArgument);
}

}  // namespace
}  // namespace opendext::usb
