// SPDX-License-Identifier: Apache-2.0
// The processes of USB devices and of their drivers, and what their deaths cost: semantics.md 3.7, 3.8.
#include <csignal>
#include <vector>

#include "tests/rig/private_folder.h"
#include "tests/rig/process_table.h"
#include "tests/system/usb_test.h"

namespace opendext::rig {

namespace {

namespace loopback = models::usb_loopback;

class UsbProcessesTest : public TwoProcessTest {
protected:
    void StartBoth(const std::vector<std::string> &devices = {kLoopback}) {
        TwoProcessTest::Start(
            {.dexts = {BuiltDext("usb_device"), BuiltDext("usb_interface")}, .devices = devices});
    }
    std::vector<pid_t> InterfaceDrivers() {
        std::vector<pid_t> drivers = rig().Hosts();
        std::erase_if(drivers, [](pid_t host) {
            return !CommandLineOf(host).contains("/usb_interface.dext ");
        });
        return drivers;
    }
    /// Ends the processes of the drivers for both interfaces, once both have started.
    void KillInterfaceDrivers() {
        ASSERT_TRUE(WaitUntil([&] { return InterfaceDrivers().size() == 2; }));
        ASSERT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
        for (const pid_t driver : InterfaceDrivers()) {
            kill(driver, SIGKILL);
        }
    }
};

TEST_F(UsbProcessesTest, EachDeviceAndEachDriver_HasItsProcess) {
    StartBoth({kLoopback, kLoopback});
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 4).size(), 4U);
    EXPECT_EQ(rig().DeviceProcesses().size(), 2U);
    EXPECT_EQ(rig().Hosts().size(), 6U);
}

TEST_F(UsbProcessesTest, KilledDeviceProcess_IsAnUnplug) {
    StartBoth({kLoopback, kLoopback});
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 4).size(), 4U);
    const std::vector<pid_t> processes = rig().DeviceProcesses();
    ASSERT_EQ(processes.size(), 2U);
    kill(processes[0], SIGKILL);
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    EXPECT_TRUE(log().WaitFor("died of signal 9 (Killed); its device counts as unplugged"));
    EXPECT_TRUE(log().Contains("(model:usb-loopback)"));
    EXPECT_TRUE(log().WaitFor(kUsbProbeInterfaceStops, 2));
    EXPECT_EQ(FindOfClass("IOUSBHostDevice").size(), 1U);
    EXPECT_TRUE(Echoes(OpenInterface(loopback::kDataInterface))) << "the other device";
}

TEST_F(UsbProcessesTest, DeviceProcessKilledInATransfer_ItEndsOnce) {
    StartBoth();
    LoopPort port;
    Connection data = OpenInterface(loopback::kDataInterface);
    const PendingRead read(port, data);
    kill(rig().DeviceProcesses().at(0), SIGKILL);
    EXPECT_TRUE(log().WaitFor(kUsbProbeInterfaceStops, 2));
    EXPECT_TRUE(log().WaitFor(kUsbProbeDeviceStops));
    // Where the client was stopped first, what the driver completes goes nowhere (semantics.md 2.10).
    EXPECT_TRUE(LoopPort::RunUntil([&] { return read.count() != 0 || rig().Hosts().empty(); }));
    EXPECT_LE(read.count(), 1);
    EXPECT_TRUE(read.count() == 0 || read.status() != kIOReturnSuccess);
    data.Close();
    EXPECT_TRUE(WaitUntil([&] { return rig().Hosts().empty(); })) << "they have nothing to drive";
}

// What it had claimed is free, and what it had under way is over.
TEST_F(UsbProcessesTest, KilledDriver_IsStartedAgainOnItsInterface) {
    StartBoth();
    for (int round = 0; round < 3; ++round) {
        LoopPort port;
        Connection data = OpenInterface(loopback::kDataInterface);
        const PendingRead read(port, data);
        const uint64_t device = IdOf(FindOfClass("IOUSBHostDevice").at(0));
        KillInterfaceDrivers();
        data.Close();
        EXPECT_TRUE(log().WaitFor("died of signal 9", 2 * (round + 1)));
        EXPECT_TRUE(Echoes(OpenInterface(loopback::kDataInterface)));
        EXPECT_EQ(IdOf(FindOfClass("IOUSBHostDevice").at(0)), device) << "it was not unplugged";
        EXPECT_EQ(rig().DeviceProcesses().size(), 1U);
    }
}

TEST_F(UsbProcessesTest, RegistryKilled_EndsTheDeviceProcesses) {
    StartBoth();
    EXPECT_EQ(WaitForServices("UsbProbeInterface", 2).size(), 2U);
    const std::vector<pid_t> devices = rig().DeviceProcesses();
    ASSERT_EQ(devices.size(), 1U);
    rig().KillRegistry();
    EXPECT_TRUE(WaitUntil([&] { return CommandLineOf(devices[0]).empty(); }));
    rig_.reset();
}

TEST_F(UsbProcessesTest, DriverThatMatchesNoDevice_IsToldWhy) {
    TwoProcessTest::Start({.dexts = {BuiltDext("usb_interface")}, .devices = {kLoopback}});
    EXPECT_TRUE(rig().readiness().contains("no service has started")) << rig().readiness();
    EXPECT_TRUE(rig().readiness().contains("'USB loopback' has none until a driver of the device"))
        << rig().readiness();
}

TEST_F(UsbProcessesTest, UnknownModel_IsToldInTheCatalogsLine) {
    TwoProcessTest::Start({.dexts = {BuiltDext("usb_device")}, .devices = {"model:usb-nothing"}});
    EXPECT_TRUE(rig().readiness().contains("there is no device model 'usb-nothing'"))
        << rig().readiness();
    EXPECT_TRUE(rig().readiness().contains("usb-loopback")) << rig().readiness();
    EXPECT_FALSE(rig().readiness().contains("no service has started")) << rig().readiness();
}

}  // namespace

}  // namespace opendext::rig
