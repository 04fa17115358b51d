// SPDX-License-Identifier: Apache-2.0
// What becomes of a USB device's reports (semantics.md 3.4, 3.7).
#include "registry/usb_publisher.h"

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "channel/wire/io_result.h"
#include "registry/registry.h"
#include "registry/testing/fake_devices.h"
#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using channel::DeviceId;
using channel::StopMode;
using testing::CompositeDevice;
using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeDevice;
using testing::FakeDeviceLauncher;
using testing::FakeHost;
using ::testing::HasSubstr;
using testing::PersonalityOf;
using testing::RegistryRig;
using testing::VendorDevice;

PropertyValue N(uint64_t value) {
    return PropertyValue::FromInteger(value);
}

Dictionary OnDevice(const std::string &user_class) {
    return PersonalityOf(
        user_class,
        {{"IOProviderClass", "IOUSBHostDevice"}, {"idVendor", N(0x1209)}, {"idProduct", N(1)}});
}

Dictionary OnInterface(const std::string &user_class, uint64_t number, uint64_t configuration = 1) {
    return PersonalityOf(user_class, {{"IOProviderClass", "IOUSBHostInterface"},
                                      {"idVendor", N(0x1209)},
                                      {"idProduct", N(1)},
                                      {"bInterfaceNumber", N(number)},
                                      {"bConfigurationValue", N(configuration)}});
}

class UsbPublishing : public ::testing::Test {
protected:
    void SetUp() override {
        SetLogSink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
        device = AddDevice("model:loop");
    }
    void TearDown() override { SetLogSink({}); }

    std::shared_ptr<FakeDevice> AddDevice(const std::string &specification) {
        rig.registry->AddDevice(devices, specification,
                                [this](const std::expected<void, std::string> &result) {
                                    readiness = result ? "ready" : result.error();
                                });
        return devices.devices.back();
    }
    [[nodiscard]] std::vector<EntryId> OfClass(const std::string &class_name) const {
        std::vector<EntryId> found;
        for (const RegistryEntry *entry : rig.registry->tree().All()) {
            if (entry->class_name == class_name && entry->active) {
                found.push_back(entry->id);
            }
        }
        return found;
    }
    [[nodiscard]] const RegistryEntry *OnlyDevice() const {
        const std::vector<EntryId> found = OfClass("IOUSBHostDevice");
        return found.size() == 1 ? rig.Find(found[0]) : nullptr;
    }
    [[nodiscard]] uint64_t NumberOf(const RegistryEntry *entry, const std::string &key) const {
        const PropertyValue *value = FindProperty(*entry, key);
        return value == nullptr || value->IfInteger() == nullptr ? ~0ULL
                                                                 : value->IfInteger()->value;
    }
    void Report(const channel::UsbDeviceReport &report) {
        device->reports().Attached(report);
        rig.scheduler.Run();
    }
    [[nodiscard]] bool Logged(const std::string &text) const {
        return std::ranges::any_of(
            log, [&](const std::string &line) { return line.find(text) != std::string::npos; });
    }

    RegistryRig rig;
    FakeDeviceLauncher devices;
    std::shared_ptr<FakeDevice> device;
    std::string readiness;
    std::vector<std::string> log;
};

TEST_F(UsbPublishing, AttachedDevice_HasThePropertiesOfTheOriginal) {
    Report(VendorDevice());
    const RegistryEntry *entry = OnlyDevice();
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->name, "Loop");
    EXPECT_EQ(entry->location, "01100000");
    EXPECT_EQ(entry->device, "model:loop");
    EXPECT_TRUE(entry->registered);
    EXPECT_EQ(NumberOf(entry, "idVendor"), 0x1209U);
    EXPECT_EQ(NumberOf(entry, "idProduct"), 1U);
    EXPECT_EQ(NumberOf(entry, "bcdDevice"), 0x100U);
    EXPECT_EQ(NumberOf(entry, "bcdUSB"), 0x200U);
    EXPECT_EQ(NumberOf(entry, "bDeviceClass"), 0xFFU);
    EXPECT_EQ(NumberOf(entry, "bDeviceSubClass"), 3U);
    EXPECT_EQ(NumberOf(entry, "bDeviceProtocol"), 4U);
    EXPECT_EQ(NumberOf(entry, "bNumConfigurations"), 2U);
    EXPECT_EQ(NumberOf(entry, "locationID"), 0x01100000U);
    EXPECT_EQ(NumberOf(entry, "USB Address"), 5U);
    EXPECT_EQ(NumberOf(entry, "Device Speed"), 2U);
    EXPECT_EQ(NumberOf(entry, "USBSpeed"), 3U);
    EXPECT_EQ(StringProperty(entry->properties, "USB Vendor Name"), "OpenDext");
    EXPECT_EQ(StringProperty(entry->properties, "kUSBVendorString"), "OpenDext");
    EXPECT_EQ(StringProperty(entry->properties, "USB Product Name"), "Loop");
    EXPECT_EQ(FindProperty(*entry, "USB Serial Number"), nullptr) << "it has none";
}

TEST_F(UsbPublishing, TwoDevicesAtOnePlace_GetPlacesOfTheirOwn) {
    Report(VendorDevice());
    AddDevice("model:loop")->reports().Attached(VendorDevice());
    const std::vector<EntryId> found = OfClass("IOUSBHostDevice");
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(rig.Find(found[0])->location, "01100000");
    EXPECT_EQ(rig.Find(found[1])->location, "02100000");
    EXPECT_EQ(NumberOf(rig.Find(found[1]), "locationID"), 0x02100000U);
}

TEST_F(UsbPublishing, BundleOfInterfacesWithoutDriver_GetsItsFirstConfiguration) {
    Report(CompositeDevice());
    ASSERT_EQ(device->configurations.size(), 1U);
    EXPECT_EQ(device->configurations[0].value, 1);
    EXPECT_TRUE(OfClass("IOUSBHostInterface").empty());
    device->ObeyConfiguration();
    const std::vector<EntryId> interfaces = OfClass("IOUSBHostInterface");
    ASSERT_EQ(interfaces.size(), 2U);
    const RegistryEntry *second = rig.Find(interfaces[1]);
    EXPECT_EQ(second->parent, OnlyDevice()->id);
    EXPECT_EQ(second->part, "1");
    EXPECT_EQ(second->location, "1");
    EXPECT_TRUE(second->registered);
    EXPECT_EQ(NumberOf(second, "idVendor"), 0x1209U);
    EXPECT_EQ(NumberOf(second, "bConfigurationValue"), 1U);
    EXPECT_EQ(NumberOf(second, "bInterfaceNumber"), 1U);
    EXPECT_EQ(NumberOf(second, "bAlternateSetting"), 0U);
    EXPECT_EQ(NumberOf(second, "bInterfaceClass"), 3U);
    EXPECT_EQ(NumberOf(second, "bInterfaceSubClass"), 1U);
    EXPECT_EQ(NumberOf(second, "bInterfaceProtocol"), 2U);
    EXPECT_EQ(NumberOf(second, "bNumEndpoints"), 1U);
    EXPECT_EQ(NumberOf(second, "iInterface"), 4U);
    EXPECT_EQ(StringProperty(second->properties, "kUSBString"), "Keys");
    EXPECT_EQ(second->name, "Keys");
    const RegistryEntry *first = rig.Find(interfaces[0]);
    EXPECT_EQ(FindProperty(*first, "kUSBString"), nullptr) << "it has none";
    EXPECT_EQ(first->name, "IOUSBHostInterface");
    EXPECT_EQ(NumberOf(OnlyDevice(), "kUSBCurrentConfiguration"), 1U);
}

TEST_F(UsbPublishing, SettingThatIsSelected_IsThatOfItsInterface) {
    Report(CompositeDevice());
    device->ObeyConfiguration();
    const std::vector<EntryId> interfaces = OfClass("IOUSBHostInterface");
    ASSERT_EQ(interfaces.size(), 2U);
    const channel::UsbInterfaceReport setting = {
        .number = 1, .alternate = 3, .interface_class = 9, .num_endpoints = 2};
    device->reports().SettingSelected(channel::DeviceId{2}, setting);
    EXPECT_EQ(NumberOf(rig.Find(interfaces[1]), "bAlternateSetting"), 0U) << "of another device";
    device->reports().SettingSelected(channel::DeviceId{1}, setting);
    const RegistryEntry *second = rig.Find(interfaces[1]);
    EXPECT_EQ(NumberOf(second, "bAlternateSetting"), 3U);
    EXPECT_EQ(NumberOf(second, "bInterfaceClass"), 9U);
    EXPECT_EQ(NumberOf(second, "bNumEndpoints"), 2U);
    EXPECT_EQ(NumberOf(second, "bInterfaceNumber"), 1U);
    EXPECT_EQ(FindProperty(*second, "kUSBString"), nullptr);
    EXPECT_EQ(NumberOf(rig.Find(interfaces[0]), "bAlternateSetting"), 0U);
}

TEST_F(UsbPublishing, AssociatedInterfaces_CountAsABundle) {
    channel::UsbDeviceReport report = CompositeDevice();
    report.device_class = 0xEF;
    report.device_subclass = 2;
    report.device_protocol = 1;
    Report(report);
    EXPECT_EQ(device->configurations.size(), 1U);
}

TEST_F(UsbPublishing, VendorSpecificDevice_IsLeftToItsDriver) {
    Report(VendorDevice());
    EXPECT_TRUE(device->configurations.empty());
}

TEST_F(UsbPublishing, BundleWithADriver_IsLeftToIt) {
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}});
    Report(CompositeDevice());
    FakeHost &host = rig.launcher.last();
    EXPECT_TRUE(device->configurations.empty()) << "its driver is being tried";
    host.BecomeReady();
    host.AnswerStart("Driver");
    rig.scheduler.Run();
    EXPECT_TRUE(device->configurations.empty());
}

TEST_F(UsbPublishing, BundleWhoseDriversFail_GetsItsFirstConfiguration) {
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}});
    Report(CompositeDevice());
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart("Driver", static_cast<int32_t>(0xe00002bc));
    rig.scheduler.Run();
    EXPECT_EQ(device->configurations.size(), 1U);
}

TEST_F(UsbPublishing, QuietComesAfterTheConfiguration) {
    bool is_quiet = false;
    rig.registry->starter().WhenQuiet([&] { is_quiet = true; });
    rig.scheduler.Run();
    EXPECT_FALSE(is_quiet) << "the device may come yet";
    device->reports().Attached(CompositeDevice());
    device->BecomeReady();
    rig.scheduler.Run();
    EXPECT_EQ(readiness, "ready");
    EXPECT_FALSE(is_quiet) << "it is being configured";
    device->ObeyConfiguration();
    rig.scheduler.Run();
    EXPECT_TRUE(is_quiet);
}

TEST_F(UsbPublishing, ConfigurationThatFails_IsTold) {
    Report(CompositeDevice());
    device->configurations[0].answer(std::unexpected("the device refused"));
    EXPECT_TRUE(Logged("the device refused"));
    EXPECT_TRUE(OfClass("IOUSBHostInterface").empty());
}

TEST_F(UsbPublishing, DeviceThatWasConfiguredBefore_IsOnlyPublished) {
    device->reports().Attached(CompositeDevice());
    device->reports().Configured(DeviceId{1}, 1, false);
    rig.scheduler.Run();
    const std::vector<EntryId> interfaces = OfClass("IOUSBHostInterface");
    ASSERT_EQ(interfaces.size(), 2U);
    EXPECT_FALSE(rig.Find(interfaces[0])->registered);
    device->configurations.at(0).answer({});
    EXPECT_EQ(OfClass("IOUSBHostInterface"), interfaces) << "the same entries";
    EXPECT_TRUE(rig.Find(interfaces[0])->registered);
}

TEST_F(UsbPublishing, DriverOfTheDevicePublishesInterfaces_AnotherMatchesThem) {
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}});
    rig.AddDext("com.example.part", {{"Part", OnInterface("Part", 1)}});
    Report(VendorDevice());
    EXPECT_TRUE(rig.Named("Part").empty());
    device->reports().Configured(DeviceId{1}, 1, true);
    rig.scheduler.Run();
    ASSERT_EQ(rig.Named("Part").size(), 1U);
    const FakeHost &host = rig.launcher.last();
    EXPECT_EQ(host.starts[0].order.provider.class_name, "IOUSBHostInterface");
    EXPECT_EQ(host.starts[0].order.provider.part, "1");
    EXPECT_EQ(host.starts[0].order.provider.device, "model:loop");
    const RegistryEntry *part = rig.Find(rig.Named("Part")[0]);
    EXPECT_EQ(NumberOf(part, "IOProbeScore"), 90000U);
}

TEST_F(UsbPublishing, InterfacesThatAreNotToBeMatched_AreThereForTheDriver) {
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}});
    rig.AddDext("com.example.part", {{"Part", OnInterface("Part", 1)}});
    Report(VendorDevice());
    device->reports().Configured(DeviceId{1}, 1, false);
    rig.scheduler.Run();
    EXPECT_TRUE(rig.Named("Part").empty());
    const auto seen = rig.launcher.hosts[0]->reports().CopyChildren(OnlyDevice()->id);
    ASSERT_TRUE(seen);
    std::vector<std::string> parts;
    for (const RelatedEntry &each : *seen) {
        if (each.class_name == "IOUSBHostInterface") {
            parts.push_back(each.part);
        }
    }
    EXPECT_THAT(parts, ElementsAre("0", "1"));
}

TEST_F(UsbPublishing, NextConfiguration_EndsTheInterfacesOfBefore) {
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.a", {{"Part", OnInterface("Before", 1, 1)}});
    rig.AddDext("com.example.b", {{"Part", OnInterface("After", 0, 2)}});
    Report(CompositeDevice());
    device->ObeyConfiguration();
    rig.scheduler.Run();
    ASSERT_EQ(rig.Named("Before").size(), 1U);
    const std::vector<EntryId> before = OfClass("IOUSBHostInterface");
    device->reports().Configured(DeviceId{1}, 2, true);
    rig.scheduler.Run();
    EXPECT_TRUE(rig.Named("Before").empty());
    EXPECT_EQ(rig.launcher.hosts[0]->stops.at(0).mode, StopMode::kOneWay);
    EXPECT_EQ(rig.Named("After").size(), 1U);
    const std::vector<EntryId> after = OfClass("IOUSBHostInterface");
    ASSERT_EQ(after.size(), 1U);
    EXPECT_GT(after[0], before[1]);
    device->reports().Configured(DeviceId{1}, 0, true);
    EXPECT_TRUE(OfClass("IOUSBHostInterface").empty());
}

TEST_F(UsbPublishing, UnpluggedDevice_EndsWithAllThatStandsOnIt) {
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.part", {{"Part", OnInterface("Part", 0)}});
    Report(CompositeDevice());
    device->ObeyConfiguration();
    rig.scheduler.Run();
    ASSERT_EQ(rig.Named("Part").size(), 1U);
    device->reports().Detached(DeviceId{1});
    rig.scheduler.Run();
    EXPECT_TRUE(rig.Named("Part").empty());
    EXPECT_EQ(OnlyDevice(), nullptr);
    EXPECT_EQ(rig.launcher.hosts[0]->stops.at(0).mode, StopMode::kOneWay);
    EXPECT_EQ(rig.launcher.hosts[0]->num_exits, 1);
}

TEST_F(UsbPublishing, DeviceThatComesBack_IsAnotherEntryWithItsOwnDriver) {
    rig.launcher.answers_at_once = true;
    channel::UsbDeviceReport loaded = VendorDevice(2);
    loaded.product = 2;
    loaded.product_name = "Loaded";
    Dictionary on_loaded = OnDevice("Loaded driver");
    on_loaded.insert_or_assign("idProduct", N(2));
    rig.AddDext("com.example.driver", {{"A", OnDevice("Loader")}, {"B", on_loaded}});
    Report(VendorDevice(1));
    const EntryId first = OnlyDevice()->id;
    EXPECT_EQ(rig.Named("Loader").size(), 1U);
    device->reports().Detached(DeviceId{1});
    device->reports().Attached(loaded);
    rig.scheduler.Run();
    ASSERT_NE(OnlyDevice(), nullptr);
    EXPECT_NE(OnlyDevice()->id, first);
    EXPECT_TRUE(rig.Named("Loader").empty());
    EXPECT_EQ(rig.Named("Loaded driver").size(), 1U);
    EXPECT_EQ(rig.launcher.hosts.size(), 2U) << "a process of its own";
}

TEST_F(UsbPublishing, ReportsOfADeviceThatIsGone_AreIgnored) {
    Report(VendorDevice(1));
    Report(VendorDevice(2));
    ASSERT_NE(OnlyDevice(), nullptr) << "the second took the place of the first";
    device->reports().Detached(DeviceId{1});
    device->reports().Configured(DeviceId{1}, 1, true);
    EXPECT_NE(OnlyDevice(), nullptr);
    EXPECT_TRUE(OfClass("IOUSBHostInterface").empty());
}

TEST_F(UsbPublishing, ConfigurationThatTheDeviceHasNot_HasNoInterfaces) {
    Report(VendorDevice());
    device->reports().Configured(DeviceId{1}, 9, true);
    EXPECT_TRUE(OfClass("IOUSBHostInterface").empty());
}

TEST_F(UsbPublishing, DeathOfTheProcess_UnplugsWithOneLine) {
    Report(VendorDevice());
    device->Exit(SIGKILL);
    rig.scheduler.Run();
    EXPECT_EQ(OnlyDevice(), nullptr);
    EXPECT_TRUE(Logged("device 1 (model:loop)"));
    EXPECT_TRUE(Logged("died of signal 9"));
    EXPECT_TRUE(device->is_dropped);
    EXPECT_EQ(rig.registry->num_crashes(), 0U) << "no driver has";
}

TEST_F(UsbPublishing, SpecificationThatIsRefused_IsToldAndHoldsNothingUp) {
    device->Fail("there is no device model 'loop'");
    EXPECT_EQ(readiness, "there is no device model 'loop'");
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST_F(UsbPublishing, Session_IsForTheDriversOfThatDevice) {
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}});
    Report(VendorDevice());
    device->reports().Configured(DeviceId{1}, 1, false);
    rig.AddDext("com.example.other", {{"Other", PersonalityOf("Other")}});
    const EntryId other = rig.Named("Other").at(0);
    const FakeHost &driver = *rig.launcher.hosts[0];
    const FakeHost &stranger = *rig.launcher.hosts[1];
    EXPECT_TRUE(driver.reports().OpenDevice(OnlyDevice()->id));
    EXPECT_TRUE(driver.reports().OpenDevice(OfClass("IOUSBHostInterface")[1]));
    ASSERT_EQ(device->sessions.size(), 2U);
    EXPECT_EQ(device->sessions[0].device, DeviceId{1});
    EXPECT_EQ(stranger.reports().OpenDevice(OnlyDevice()->id).error(), channel::kIoNotFound);
    EXPECT_EQ(stranger.reports().OpenDevice(other).error(), channel::kIoNoDevice);
    EXPECT_EQ(device->sessions.size(), 2U);
}

TEST_F(UsbPublishing, Shutdown_EndsDriversAndThenDevices) {
    Report(VendorDevice());
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}});
    const auto host = rig.launcher.hosts.at(0);
    host->BecomeReady();
    host->AnswerStart("Driver");
    bool is_done = false;
    rig.registry->Shutdown([&] { is_done = true; });
    rig.scheduler.Run();
    EXPECT_EQ(host->num_exits, 1);
    EXPECT_EQ(device->num_exits, 0) << "its driver may still talk to it";
    host->DieSilently(0);
    rig.scheduler.Run();
    EXPECT_EQ(device->num_exits, 1);
    EXPECT_FALSE(is_done);
    device->Exit(0);
    rig.scheduler.Run();
    EXPECT_TRUE(is_done);
}

TEST_F(UsbPublishing, DeviceThatDoesNotEnd_IsKilled) {
    bool is_done = false;
    rig.registry->Shutdown([&] { is_done = true; });
    rig.scheduler.Run();
    EXPECT_EQ(device->num_exits, 1);
    rig.scheduler.Advance(std::chrono::seconds(11));
    EXPECT_THAT(device->kills, ElementsAre(SIGKILL));
}

TEST_F(UsbPublishing, Explanation_NamesTheKeysAndTheSets) {
    rig.AddDext("com.example.driver",
                {{"Wrong", PersonalityOf("Wrong", {{"IOProviderClass", "IOUSBHostDevice"},
                                                   {"idVendor", N(0x1209)}})}});
    rig.AddDext("com.example.part", {{"Part", OnInterface("Part", 0)}});
    Report(VendorDevice());
    EXPECT_THAT(rig.registry->starter().ExplainMismatches("com.example.driver"),
                ElementsAre(HasSubstr("idVendor selects no USB device")));
    EXPECT_THAT(rig.registry->starter().ExplainMismatches("com.example.part"),
                ElementsAre(HasSubstr("'Loop' has none until a driver")));
}

TEST_F(UsbPublishing, DriverWithoutTheTransportsEntitlement_IsNotStarted) {
    rig.launcher.answers_at_once = true;
    const Dictionary kit = {{"com.apple.developer.driverkit", true}};
    rig.AddDext("com.example.driver", {{"Device", OnDevice("Driver")}}, kit);
    Report(VendorDevice());
    EXPECT_TRUE(rig.launcher.hosts.empty());
    EXPECT_TRUE(Logged("com.apple.developer.driverkit.transport.usb"));
}

}  // namespace
}  // namespace opendext::registry
