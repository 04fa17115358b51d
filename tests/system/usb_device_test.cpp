// SPDX-License-Identifier: Apache-2.0
// USB devices and their drivers, in one process and across processes: semantics.md 3.4, 3.7, 8.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/rig/private_folder.h"
#include "tests/system/usb_test.h"

namespace opendext::rig {

namespace {

namespace loopback = models::usb_loopback;

class UsbDeviceTest : public DriverTest {
protected:
    void StartBoth(const std::vector<std::string> &devices = {kLoopback}) {
        DriverTest::Start(
            {.dexts = {BuiltDext("usb_device"), BuiltDext("usb_interface")}, .devices = devices});
    }

    kern_return_t Configure(const Connection &client, uint64_t value, bool matches) {
        const uint64_t input[] = {value, matches ? 1U : 0U};
        return IOConnectCallScalarMethod(client.get(), kUsbProbeConfigure, input, 2, nullptr,
                                         nullptr);
    }

    void ExpectGone(const char *service) {
        EXPECT_TRUE(WaitUntil([&] { return FindServices(service).empty(); })) << service;
    }

    /// Of the drivers of interfaces; 0: in this one.
    pid_t HostOfInterfaces() {
        const auto *processes = dynamic_cast<TwoProcessRig *>(rig_.get());
        return processes != nullptr ? processes->HostOf("usb_interface") : 0;
    }

    /// The driver, in process `host`, was stopped: its transfer ends once. Across processes the client may have been
    /// stopped first; then what the driver completes goes nowhere (semantics.md 2.10).
    void ExpectEndsOnce(const PendingRead &read, pid_t host) {
        const auto *processes = dynamic_cast<TwoProcessRig *>(rig_.get());
        ASSERT_TRUE(processes == nullptr || host > 0);
        const auto is_gone = [&] {
            return processes != nullptr && std::ranges::count(processes->Hosts(), host) == 0;
        };
        EXPECT_TRUE(LoopPort::RunUntil([&] { return read.count() != 0 || is_gone(); }));
        EXPECT_LE(read.count(), 1);
        EXPECT_TRUE(read.count() == 0 || read.status() == kIOReturnNotResponding ||
                    read.status() == kIOReturnAborted)
            << std::hex << read.status();
    }
};
OPENDEXT_BOTH_VARIANTS(UsbDeviceTest);

TEST_P(UsbDeviceTest, DriverOfTheDeviceConfiguresIt_DriversOfItsInterfacesMatch) {
    StartBoth();
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    EXPECT_EQ(FindServices("UsbProbeDevice").size(), 1U);
    const Connection data = OpenInterface(loopback::kDataInterface);
    EXPECT_TRUE(Echoes(data));
    EXPECT_TRUE(Echoes(data)) << "again";
}

TEST_P(UsbDeviceTest, TwoDriversOnOneDevice_SeeBothInterfacesAndTheirOwn) {
    StartBoth();
    const Connection data = OpenInterface(loopback::kDataInterface);
    const Connection frames = OpenInterface(loopback::kFrameInterface);
    EXPECT_EQ(Ask(data, kUsbProbeCountInterfaces), 2U);
    EXPECT_EQ(Ask(frames, kUsbProbeCountInterfaces), 2U);
    EXPECT_TRUE(Echoes(data));
    EXPECT_EQ(SendVendorRequest(frames, loopback::kClear, 0, 0), kIOReturnSuccess);
}

TEST_P(UsbDeviceTest, Registry_ShowsDeviceAndInterfacesAsTheOriginalDoes) {
    StartBoth();
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    const std::vector<IoObject> devices = FindOfClass("IOUSBHostDevice");
    ASSERT_EQ(devices.size(), 1U);
    io_name_t name = {};
    EXPECT_EQ(IORegistryEntryGetName(devices[0].get(), name), kIOReturnSuccess);
    EXPECT_STREQ(name, "USB loopback");
    EXPECT_EQ(NumberOf(devices[0], "idVendor"), loopback::kVendorId);
    EXPECT_EQ(NumberOf(devices[0], "idProduct"), loopback::kProductId);
    EXPECT_EQ(NumberOf(devices[0], "bDeviceClass"), 0xFFU);
    EXPECT_EQ(NumberOf(devices[0], "kUSBCurrentConfiguration"), 1U);
    std::set<uint64_t> numbers;
    for (const IoObject &interface : FindOfClass("IOUSBHostInterface")) {
        numbers.insert(NumberOf(interface, "bInterfaceNumber"));
        EXPECT_EQ(NumberOf(interface, "bConfigurationValue"), 1U);
        IoObject parent;
        EXPECT_EQ(IORegistryEntryGetParentEntry(interface.get(), kIOServicePlane, parent.out()),
                  kIOReturnSuccess);
        EXPECT_EQ(IdOf(parent), IdOf(devices[0]));
    }
    EXPECT_EQ(numbers, (std::set<uint64_t>{0, 1}));
    for (const IoObject &service : FindServices("UsbProbeInterface")) {
        EXPECT_TRUE(NumberOf(service, "IOProbeScore") == 90000 ||
                    NumberOf(service, "IOProbeScore") == 70000);
    }
}

TEST_P(UsbDeviceTest, SettingThatADriverSelects_IsInTheRegistry) {
    StartBoth();
    const Connection frames = OpenInterface(loopback::kFrameInterface);
    const std::vector<IoObject> interfaces = FindOfClass("IOUSBHostInterface");
    const auto found = std::ranges::find_if(interfaces, [](const IoObject &interface) {
        return NumberOf(interface, "bInterfaceNumber") == loopback::kFrameInterface;
    });
    ASSERT_NE(found, interfaces.end());
    io_name_t name = {};
    EXPECT_EQ(IORegistryEntryGetName(found->get(), name), kIOReturnSuccess);
    EXPECT_STREQ(name, "Frames");
    EXPECT_EQ(NumberOf(*found, "bAlternateSetting"), 0U);
    EXPECT_EQ(NumberOf(*found, "bNumEndpoints"), 0U);
    const uint64_t setting = loopback::kFramesOn;
    EXPECT_EQ(IOConnectCallScalarMethod(frames.get(), kUsbProbeSelectSetting, &setting, 1, nullptr,
                                        nullptr),
              kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([&] { return NumberOf(*found, "bAlternateSetting") == setting; }));
    EXPECT_NE(NumberOf(*found, "bNumEndpoints"), 0U);
}

TEST_P(UsbDeviceTest, VendorSpecificDeviceWithoutDriver_HasNoInterfaces) {
    DriverTest::Start({.dexts = {BuiltDext("usb_interface")}, .devices = {kLoopback}});
    EXPECT_EQ(FindOfClass("IOUSBHostDevice").size(), 1U);
    EXPECT_TRUE(FindOfClass("IOUSBHostInterface").empty());
    EXPECT_TRUE(FindServices("UsbProbeInterface").empty());
}

TEST_P(UsbDeviceTest, CompositeDeviceWithoutDriver_HasItsInterfacesMatched) {
    DriverTest::Start(
        {.dexts = {BuiltDext("usb_interface")}, .devices = {"model:usb-loopback,class=composite"}});
    EXPECT_EQ(FindOfClass("IOUSBHostInterface").size(), 2U) << "there when all is quiet";
    EXPECT_TRUE(Echoes(OpenInterface(loopback::kDataInterface)));
}

TEST_P(UsbDeviceTest, PciAndUsbDevices_LiveSideBySide) {
    StartBoth({"model:fpga-dma", kLoopback, kLoopback});
    EXPECT_EQ(FindOfClass("IOPCIDevice").size(), 1U);
    const std::vector<IoObject> devices = FindOfClass("IOUSBHostDevice");
    ASSERT_EQ(devices.size(), 2U);
    EXPECT_NE(NumberOf(devices[0], "locationID"), NumberOf(devices[1], "locationID"));
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 4).size(), 4U);
}

TEST_P(UsbDeviceTest, UnpluggedInATransfer_ItEndsOnceAndDriversStop) {
    StartBoth();
    LoopPort port;
    Connection data = OpenInterface(loopback::kDataInterface);
    Connection device = Open(WaitForService("UsbProbeDevice"));
    const PendingRead read(port, data);
    const pid_t host = HostOfInterfaces();
    Detach(device, loopback::kStaysAway);
    EXPECT_TRUE(log().WaitFor(kUsbProbeDeviceStops));
    EXPECT_TRUE(log().WaitFor(kUsbProbeInterfaceStops, 2));
    ExpectGone("UsbProbeInterface");
    ExpectGone("UsbProbeDevice");
    EXPECT_TRUE(FindOfClass("IOUSBHostDevice").empty());
    EXPECT_TRUE(FindOfClass("IOUSBHostInterface").empty());
    ExpectEndsOnce(read, host);
    data.Close();
    device.Close();
}

TEST_P(UsbDeviceTest, DeviceThatComesBack_IsANewEntryWithNewDrivers) {
    StartBoth();
    Connection device = Open(WaitForService("UsbProbeDevice"));
    const uint64_t before = IdOf(FindOfClass("IOUSBHostDevice").at(0));
    EXPECT_TRUE(Echoes(OpenInterface(loopback::kDataInterface)));
    Detach(device, loopback::kComesBack);
    device.Close();
    EXPECT_TRUE(log().WaitFor(kUsbProbeDeviceStops));
    EXPECT_TRUE(log().WaitFor(kUsbProbeInterfaceStops, 2));
    EXPECT_TRUE(WaitUntil([&] {
        const std::vector<IoObject> devices = FindOfClass("IOUSBHostDevice");
        return devices.size() == 1 && IdOf(devices[0]) != before;
    }));
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    EXPECT_TRUE(Echoes(OpenInterface(loopback::kDataInterface)));
}

TEST_P(UsbDeviceTest, AnotherConfiguration_EndsTheDriversOfTheFirst) {
    StartBoth();
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    LoopPort port;
    Connection data = OpenInterface(loopback::kDataInterface);
    const PendingRead read(port, data);
    const pid_t host = HostOfInterfaces();
    const Connection device = Open(WaitForService("UsbProbeDevice"));
    EXPECT_EQ(Configure(device, loopback::kSmallConfiguration, true), kIOReturnSuccess);
    EXPECT_TRUE(log().WaitFor(kUsbProbeInterfaceStops, 2));
    ExpectGone("UsbProbeInterface");
    ExpectEndsOnce(read, host);
    data.Close();
    EXPECT_EQ(Ask(device, kUsbProbeCountInterfaces), 1U);
    EXPECT_EQ(Configure(device, loopback::kMainConfiguration, true), kIOReturnSuccess);
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    EXPECT_TRUE(Echoes(OpenInterface(loopback::kDataInterface)));
}

TEST_P(UsbDeviceTest, ConfigurationWithoutMatching_InterfacesAreForTheDriverAlone) {
    StartBoth();
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    const Connection device = Open(WaitForService("UsbProbeDevice"));
    EXPECT_EQ(Configure(device, loopback::kMainConfiguration, false), kIOReturnSuccess);
    ExpectGone("UsbProbeInterface");
    EXPECT_EQ(Ask(device, kUsbProbeCountInterfaces), 2U);
    EXPECT_TRUE(FindOfClass("IOUSBHostInterface").empty()) << "not registered";
}

}  // namespace

}  // namespace opendext::rig
