// SPDX-License-Identifier: Apache-2.0
// What a driver process may do to the registry (semantics.md 2.2, 3.7, 3.9, 6.10).
#include "registry/hosted_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/directory_adapter.h"
#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeHost;
using testing::FpgaCard;
using testing::RegistryRig;

constexpr auto kBadArgument = static_cast<int32_t>(0xe00002c2);
constexpr auto kUnsupported = static_cast<int32_t>(0xe00002c7);
constexpr auto kNotReady = static_cast<int32_t>(0xe00002d8);
constexpr auto kNotPermitted = static_cast<int32_t>(0xe00002e2);
constexpr auto kNotFound = static_cast<int32_t>(0xe00002f0);

// Two drivers in two processes: one on a card, one on IOUserResources.
class Reports : public ::testing::Test {
protected:
    Reports() {
        card = rig.registry->AddProvider(FpgaCard());
        mine = rig.StartDriver("Mine", {{"IOProviderClass", "IOPCIDevice"}, {"speed", "kernel"}});
        host = rig.launcher.hosts.back();
        other = rig.StartDriver("Other");
    }
    [[nodiscard]] channel::HostReports &reports() const { return host->reports(); }

    RegistryRig rig;
    std::shared_ptr<FakeHost> host;
    EntryId card = EntryId::kNone;
    EntryId mine = EntryId::kNone;
    EntryId other = EntryId::kNone;
};

TEST_F(Reports, Create_ChildInheritsIdentityAndIsStarted) {
    const auto child =
        rig.CreateChild(*host, mine, {{"CFBundleIdentifier", "com.evil"}, {"key", "value"}});
    ASSERT_TRUE(child);
    const RegistryEntry *entry = rig.Find(*child);
    EXPECT_EQ(entry->parent, mine);
    EXPECT_EQ(entry->name, "Client");
    EXPECT_EQ(entry->class_name, "IOUserUserClient");
    EXPECT_EQ(StringProperty(entry->properties, "CFBundleIdentifier"), "com.example.driver");
    EXPECT_EQ(StringProperty(entry->properties, "IOUserServerName"), "com.example.driver");
    EXPECT_EQ(StringProperty(entry->properties, "key"), "value");
    EXPECT_TRUE(entry->started);
    EXPECT_EQ(reports().RegisterService(*child), 0);
    EXPECT_TRUE(entry->registered) << "takes effect at once";
}

TEST_F(Reports, Create_BadPropertiesAreRefused) {
    EXPECT_EQ(reports().CreateChild(mine, PropertyValue("text")).error(), kBadArgument);
    EXPECT_EQ(reports().CreateChild(mine, PropertyValue(Dictionary{{"IOUserClass", "C"}})).error(),
              kBadArgument);
    for (const char *kernel_class :
         {"IOPCIDevice", "IOUSBHostDevice", "IOUserResources", "IOUserClient", "OSObject"}) {
        EXPECT_EQ(rig.CreateChild(*host, mine, {{"IOClass", kernel_class}}).error(), kUnsupported)
            << kernel_class;
    }
}

TEST_F(Reports, Create_UnderAServiceOfAnotherProcess_IsRefused) {
    EXPECT_EQ(rig.CreateChild(*host, other).error(), kNotPermitted);
    EXPECT_EQ(rig.CreateChild(*host, card).error(), kNotPermitted);
    EXPECT_EQ(rig.CreateChild(*host, EntryId{1}).error(), kNotPermitted);
}

TEST_F(Reports, Neighbours_ProviderAndItsOtherPartsAreSeen) {
    EXPECT_EQ(reports().CopyParent(mine).value(),
              (RelatedEntry{.entry = card, .class_name = "IOPCIDevice", .part = {}}));
    const auto client = rig.CreateChild(*host, mine);
    ASSERT_TRUE(client);
    EXPECT_EQ(reports().CopyChildren(mine).value(),
              (std::vector<RelatedEntry>{
                  {.entry = *client, .class_name = "IOUserUserClient", .part = {}}}));
    reports().Terminate(*client);
    EXPECT_TRUE(reports().CopyChildren(mine).value().empty()) << "it ends";
}

TEST_F(Reports, Neighbours_OtherDriversAndTheirDevicesAreNotSeen) {
    const EntryId beside = rig.StartDriver("Beside", {{"IOProviderClass", "IOPCIDevice"}});
    EXPECT_EQ(rig.Find(beside)->parent, card);
    EXPECT_EQ(
        reports().CopyChildren(card).value(),
        (std::vector<RelatedEntry>{{.entry = mine, .class_name = "IOUserService", .part = {}}}));
    EXPECT_EQ(reports().CopyParent(beside).error(), kNotFound);
    EXPECT_EQ(reports().CopyParent(other).error(), kNotFound);
    EXPECT_EQ(reports().CopyChildren(rig.resources).error(), kNotFound);
    EXPECT_EQ(reports().CopyParent(rig.registry->tree().root()).error(), kNotFound);
    EXPECT_EQ(reports().CopyChildren(EntryId{1}).error(), kNotFound);
}

TEST_F(Reports, Create_UnderAServiceThatEnds_IsRefused) {
    reports().Terminate(mine);
    EXPECT_EQ(rig.CreateChild(*host, mine).error(), kNotReady);
}

TEST_F(Reports, ChildFailed_TakesItsChildrenAlong) {
    const EntryId child = rig.CreateChild(*host, mine).value();
    const EntryId grandchild = rig.CreateChild(*host, child).value();
    reports().ChildFailed(child);
    EXPECT_EQ(rig.Find(child), nullptr);
    EXPECT_EQ(rig.Find(grandchild), nullptr);
    ASSERT_EQ(host->stops.size(), 1u);
    EXPECT_EQ(host->stops.front().entry, grandchild);
}

TEST_F(Reports, ChildFailed_OfAnythingElseIsIgnored) {
    reports().ChildFailed(mine);
    reports().ChildFailed(other);
    reports().ChildFailed(card);
    EXPECT_NE(rig.Find(mine), nullptr);
    EXPECT_NE(rig.Find(other), nullptr);
    EXPECT_NE(rig.Find(card), nullptr);
}

TEST_F(Reports, OthersServicesAreNotToBeTouched) {
    EXPECT_EQ(reports().Terminate(other), kNotPermitted);
    EXPECT_EQ(reports().Terminate(card), kNotPermitted);
    EXPECT_EQ(reports().RegisterService(other), kNotPermitted);
    EXPECT_EQ(reports().SetName(other, "x"), kNotPermitted);
    EXPECT_EQ(reports().RemoveProperty(other, "IOClass"), kNotFound);
    EXPECT_EQ(reports().MergeProperties(other, PropertyValue(Dictionary{{"a", 1u != 0}})),
              kUnsupported);
    EXPECT_EQ(reports().CopyProperties(other).error(), kNotFound);
    EXPECT_EQ(reports().CopyName(other).error(), kNotFound);
    EXPECT_EQ(reports().SearchProperty(other, "IOClass", "IOService", false).error(), kNotFound);
    EXPECT_EQ(reports().CopyProviderProperties(other, {}).error(), kNotFound);
    reports().ServiceStopped(other);
    EXPECT_TRUE(rig.Find(other)->active);
}

TEST_F(Reports, ProvidersMayBeReadToTheRoot) {
    EXPECT_EQ(reports().CopyName(card), "pci10ee,7024");
    EXPECT_TRUE(reports().CopyProperties(card).value().Find("vendor-id"));
    EXPECT_TRUE(reports().CopyName(rig.registry->tree().root()));
}

// semantics.md 7.4: one key prefers the kernel's, the whole dictionary the driver's.
TEST_F(Reports, PropertyPrecedenceDiffersByView) {
    EXPECT_EQ(reports().MergeProperties(
                  mine, PropertyValue(Dictionary{{"speed", "driver"}, {"new", true}})),
              0);
    DirectoryAdapter directory(*rig.registry, std::nullopt);
    EXPECT_EQ(directory.Property(mine, "speed").value(), PropertyValue("kernel"));
    EXPECT_EQ(*directory.Properties(mine).value().Find("speed"), PropertyValue("driver"));
    EXPECT_EQ(directory.Property(mine, "new").value(), PropertyValue(true));
    EXPECT_EQ(directory.Properties(mine).value().Find("IOUserServiceProperties"), nullptr);
    EXPECT_EQ(directory.Property(mine, "none").error(), kNotFound);
    EXPECT_EQ(reports().CopyProperties(mine).value(), directory.Properties(mine).value());
}

TEST_F(Reports, SetPropertiesMergesAndRemoveTakesOnlyOwnOnes) {
    reports().MergeProperties(mine, PropertyValue(Dictionary{{"a", true}}));
    reports().MergeProperties(mine, PropertyValue(Dictionary{{"b", true}}));
    EXPECT_TRUE(reports().CopyProperties(mine).value().Find("a"));
    EXPECT_EQ(reports().RemoveProperty(mine, "a"), 0);
    EXPECT_EQ(reports().RemoveProperty(mine, "a"), kNotFound);
    EXPECT_EQ(reports().RemoveProperty(mine, "IOClass"), kNotFound);
    EXPECT_EQ(reports().MergeProperties(mine, PropertyValue("text")), kUnsupported);
}

TEST_F(Reports, PciDeviceTakesItsThreeBooleans) {
    EXPECT_EQ(
        reports().MergeProperties(card, PropertyValue(Dictionary{{"IOPMPCISleepReset", true}})), 0);
    EXPECT_EQ(*FindProperty(*rig.Find(card), "IOPMPCISleepReset"), PropertyValue(true));
    EXPECT_EQ(
        reports().MergeProperties(card, PropertyValue(Dictionary{{"IOPMPCISleepReset", "yes"}})),
        kBadArgument);
    EXPECT_EQ(reports().MergeProperties(card, PropertyValue(Dictionary{{"vendor-id", true}})),
              kBadArgument);
}

TEST_F(Reports, SearchClimbsWhenAskedTo) {
    EXPECT_EQ(reports().SearchProperty(mine, "vendor-id", "IOService", false).error(), kNotFound);
    EXPECT_EQ(reports().SearchProperty(mine, "vendor-id", "IOService", true).value(),
              testing::Register(0x10ee));
}

TEST_F(Reports, ProviderPropertiesGoFromTheServiceToTheRoot) {
    const auto all = reports().CopyProviderProperties(mine, {"vendor-id", "IOUserClass"}).value();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0], PropertyValue(Dictionary{{"IOUserClass", "Mine"}}));
    EXPECT_EQ(all[1], PropertyValue(Dictionary{{"vendor-id", testing::Register(0x10ee)}}));
    EXPECT_EQ(all[2], PropertyValue(Dictionary{}));
}

TEST_F(Reports, NameIsTheClassUntilItIsSet) {
    EXPECT_EQ(reports().CopyName(mine), "Mine");
    EXPECT_EQ(reports().SetName(mine, "Renamed"), 0);
    EXPECT_EQ(rig.registry->Describe(mine)->name, "Renamed");
}

TEST(LogLine, NamesTheProcess) {
    std::vector<std::string> lines;
    Registry::Options options;
    options.driver_log = [&](const std::string &label, uint32_t, const std::string &text) {
        lines.push_back(label.substr(0, label.find("-0x")) + ": " + text);
    };
    RegistryRig rig(options);
    rig.StartDriver("Driver");
    rig.launcher.last().reports().LogLine(0, "hello");
    EXPECT_THAT(lines, ElementsAre("com.example.driver: hello"));
}

TEST_F(Reports, AdjustBusy_CountsOnceForTheProvider) {
    const auto child = rig.CreateChild(*host, mine);
    ASSERT_TRUE(child);
    EXPECT_EQ(reports().AdjustBusy(*child, 3), 0);
    EXPECT_EQ(reports().AdjustBusy(mine, 2), 0);
    EXPECT_EQ(reports().GetBusyState(*child), 3U);
    EXPECT_EQ(reports().GetBusyState(mine), 3U);
    EXPECT_EQ(reports().GetBusyState(card), 1U);
    EXPECT_EQ(reports().AdjustBusy(*child, -4), kBadArgument);
    EXPECT_EQ(reports().AdjustBusy(*child, -3), 0);
    EXPECT_EQ(reports().GetBusyState(mine), 2U);
    EXPECT_EQ(reports().AdjustBusy(mine, -2), 0);
    EXPECT_EQ(reports().GetBusyState(card), 0U);
}

TEST_F(Reports, BusyStateOfOthers_IsNotTheDriversToChangeOrRead) {
    EXPECT_EQ(reports().AdjustBusy(card, 1), kNotPermitted);
    EXPECT_EQ(reports().AdjustBusy(other, 1), kNotPermitted);
    EXPECT_EQ(reports().GetBusyState(other), std::unexpected(kNotFound));
}

TEST_F(Reports, PowerState_IsForTheServicesOwnProcessToChange) {
    EXPECT_EQ(reports().ChangePowerState(mine, 7), kBadArgument);
    EXPECT_EQ(reports().ChangePowerState(other, PowerTree::kLow), kNotPermitted);
    EXPECT_EQ(reports().JoinPowerTree(other), kNotPermitted);
    EXPECT_EQ(reports().SetPowerOverride(other, true), kNotPermitted);
    EXPECT_EQ(reports().ChangePowerState(mine, PowerTree::kLow), 0);
    ASSERT_EQ(host->powers.size(), 1U);
    EXPECT_EQ(host->powers.front().entry, mine);
    EXPECT_EQ(host->powers.front().flags, PowerTree::kLow);
    host->powers.front().answer(0);
}

}  // namespace
}  // namespace opendext::registry
