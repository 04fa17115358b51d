// SPDX-License-Identifier: Apache-2.0
// semantics.md 2.1, 3.3, 3.5.
#include "registry/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::registry {
namespace {

using ::testing::HasSubstr;
using Array = PropertyValue::Array;
using Dictionary = PropertyValue::Dictionary;

constexpr const char *kAccess = "com.apple.developer.driverkit.userclient-access";
constexpr const char *kAnyApp = "com.apple.developer.driverkit.allow-any-userclient-access";
constexpr const char *kRequired = "IOServiceDEXTEntitlements";
constexpr const char *kDriverKit = "com.apple.developer.driverkit";
constexpr const char *kUsb = "com.apple.developer.driverkit.transport.usb";
constexpr const char *kPci = "com.apple.developer.driverkit.transport.pci";

class AppAccess : public ::testing::Test {
protected:
    AppAccess() {
        service.name = "Driver";
        service.properties = {{"CFBundleIdentifier", "com.example.driver"}};
    }
    [[nodiscard]] std::expected<void, std::string> Check(
        const std::optional<Dictionary> &app) const {
        return CheckAppAccess({.pid = 1, .name = "app", .entitlements = app}, dext, service,
                              client);
    }
    [[nodiscard]] bool MayWith(const PropertyValue &requirement) {
        client.properties.insert_or_assign(kRequired, requirement);
        return Check(Dictionary{{kAccess, "com.example.driver"}, {"a", true}, {"b", false}})
            .has_value();
    }

    std::optional<Dictionary> dext = Dictionary{};
    RegistryEntry service;
    RegistryEntry client;
};

TEST_F(AppAccess, AppWithoutEntitlementsFile_IsNotChecked) {
    client.properties.insert({kRequired, "a"});
    EXPECT_TRUE(Check(std::nullopt));
}

TEST_F(AppAccess, EntitledToNothing_IsDeniedWithWhatToAdd) {
    const auto access = Check(Dictionary{});
    ASSERT_FALSE(access);
    EXPECT_THAT(access.error(), HasSubstr(kAccess));
    EXPECT_THAT(access.error(), HasSubstr("com.example.driver"));
    EXPECT_THAT(access.error(), HasSubstr(kAnyApp));
}

TEST_F(AppAccess, DriverForEveryApp_PresenceIsEnough) {
    dext = Dictionary{{kAnyApp, false}};
    EXPECT_TRUE(Check(Dictionary{}));
}

TEST_F(AppAccess, AppNamesTheDriver_InAnArrayOrAlone) {
    EXPECT_TRUE(Check(Dictionary{{kAccess, "com.example.driver"}}));
    EXPECT_TRUE(Check(Dictionary{{kAccess, Array{"com.example.other", "com.example.driver"}}}));
    EXPECT_FALSE(Check(Dictionary{{kAccess, Array{"com.example.other", true}}}));
    EXPECT_FALSE(Check(Dictionary{{kAccess, Array{}}}));
    EXPECT_FALSE(Check(Dictionary{{kAccess, true}}));
}

TEST_F(AppAccess, DriverWithoutEntitlementsFile_StillNeedsTheApps) {
    dext = std::nullopt;
    EXPECT_FALSE(Check(Dictionary{}));
    EXPECT_TRUE(Check(Dictionary{{kAccess, "com.example.driver"}}));
}

TEST_F(AppAccess, WhatTheDriverSetAsItsIdentifierDoesNotCount) {
    service.user_properties = {{"CFBundleIdentifier", "com.example.other"}};
    EXPECT_FALSE(Check(Dictionary{{kAccess, "com.example.other"}}));
}

TEST_F(AppAccess, RequirementOfAString_MustBePresent) {
    EXPECT_TRUE(MayWith("a"));
    EXPECT_TRUE(MayWith("b")) << "presence, not value";
    EXPECT_FALSE(MayWith("c"));
}

TEST_F(AppAccess, RequirementOfStrings_AnyOneSuffices) {
    EXPECT_TRUE(MayWith(Array{"c", "a"}));
    EXPECT_FALSE(MayWith(Array{"c", "d"}));
    EXPECT_FALSE(MayWith(Array{})) << "an empty array denies";
}

TEST_F(AppAccess, RequirementOfArrays_AllOfAnyOneSuffice) {
    EXPECT_TRUE(MayWith(Array{Array{"a", "c"}, Array{"a", "b"}}));
    EXPECT_FALSE(MayWith(Array{Array{"a", "c"}, Array{"b", "d"}}));
    EXPECT_FALSE(MayWith(Array{PropertyValue(Array{"a", true})}));
}

TEST_F(AppAccess, RequirementOfAnotherKind_Denies) {
    EXPECT_FALSE(MayWith(true));
}

class DextAccess : public ::testing::Test {
protected:
    DextAccess() {
        card = &tree.Add(tree.root(), "IOPCIDevice", "card");
        card->pci =
            PciIdentity{.device_vendor = 0x702410ee, .class_revision = 0, .subsystem_vendor = 0};
        resources = &tree.Add(tree.root(), "IOUserResources", "IOUserResources");
    }
    [[nodiscard]] std::string ErrorOf(const RegistryEntry &provider, const Dictionary &entitlements,
                                      const Dictionary &service = {}) const {
        const auto access = CheckDextAccess(tree, provider, service, entitlements);
        return access ? "" : access.error();
    }

    RegistryTree tree;
    RegistryEntry *card = nullptr;
    RegistryEntry *resources = nullptr;
};

TEST_F(DextAccess, DriverKitItselfIsNeeded) {
    EXPECT_THAT(ErrorOf(*resources, {}), HasSubstr(kDriverKit));
    EXPECT_EQ(ErrorOf(*resources, {{kDriverKit, true}}), "");
}

TEST_F(DextAccess, PciDeviceNeedsTheTransportsList) {
    EXPECT_THAT(ErrorOf(*card, {{kDriverKit, true}}), HasSubstr(kPci));
    EXPECT_THAT(ErrorOf(*card, {{kDriverKit, true}, {kPci, true}}), HasSubstr(kPci));
    EXPECT_THAT(ErrorOf(*card, {{kDriverKit, true}, {kPci, Array{}}}), HasSubstr("no dictionary"));
}

TEST_F(DextAccess, AnyDictionaryOfTheListMayCoverTheDevice) {
    const Dictionary other = {{"IOPCIMatch", "0x12345678"}};
    const Dictionary ours = {{"IOPCIMatch", "0x000010ee&0x0000ffff"}};
    EXPECT_EQ(ErrorOf(*card, {{kDriverKit, true}, {kPci, Array{other, ours}}}), "");
    EXPECT_THAT(ErrorOf(*card, {{kDriverKit, true}, {kPci, Array{other}}}),
                HasSubstr("0x12345678"));
}

TEST_F(DextAccess, UsbDeviceAndItsInterfaces_NeedTheTransportsList) {
    for (const char *class_name : {"IOUSBHostDevice", "IOUSBHostInterface"}) {
        RegistryEntry &usb = tree.Add(tree.root(), class_name, "loop");
        usb.properties = {{"idVendor", PropertyValue::FromInteger(0x1209, 16)},
                          {"idProduct", PropertyValue::FromInteger(1, 16)}};
        const auto number = [](uint64_t value) { return PropertyValue::FromInteger(value); };
        const auto with = [](const PropertyValue &list) {
            return Dictionary{{kDriverKit, true}, {kUsb, list}};
        };
        EXPECT_THAT(ErrorOf(usb, {{kDriverKit, true}}), HasSubstr(kUsb));
        EXPECT_THAT(ErrorOf(usb, with(false)), HasSubstr("add " + std::string(kUsb)));
        EXPECT_THAT(ErrorOf(usb, with("yes")), HasSubstr("add " + std::string(kUsb)));
        EXPECT_EQ(ErrorOf(usb, with("*")), "");
        EXPECT_EQ(ErrorOf(usb, with(Array{"*"})), "");
        EXPECT_EQ(ErrorOf(usb, with(Array{Dictionary{{"idVendor", "*"}}})), "");
        EXPECT_EQ(ErrorOf(usb, with(Array{Dictionary{{"idVendor", number(0x1209)}}})), "");
        EXPECT_EQ(ErrorOf(usb, with(Array{Dictionary{{"idVendor", number(1)}},
                                          Dictionary{{"idVendor", number(0x1209)},
                                                     {"idProduct", number(1)}}})),
                  "");
        EXPECT_THAT(ErrorOf(usb, with(Array{Dictionary{{"idVendor", number(0x1209)},
                                                       {"idProduct", number(2)}}})),
                    HasSubstr("idProduct wants 0x2"));
        EXPECT_THAT(ErrorOf(usb, with(Array{Dictionary{}})), HasSubstr("idVendor is missing"));
    }
}

// As on a Mac that does not check signatures; the first public drivers have it.
TEST_F(DextAccess, UsbTransportThatIsJustTrue_PassesWithAWarning) {
    const RegistryEntry &usb = tree.Add(tree.root(), "IOUSBHostInterface", "loop");
    const auto plain = CheckDextAccess(tree, usb, {}, {{kDriverKit, true}, {kUsb, true}});
    ASSERT_TRUE(plain) << plain.error();
    ASSERT_TRUE(plain->warning);
    EXPECT_THAT(*plain->warning, HasSubstr("transport.usb is <true/>"));
    EXPECT_THAT(*plain->warning, HasSubstr("to be signed it must be an array"));

    const auto listed = CheckDextAccess(tree, usb, {}, {{kDriverKit, true}, {kUsb, Array{"*"}}});
    ASSERT_TRUE(listed) << listed.error();
    EXPECT_FALSE(listed->warning);
}

TEST_F(DextAccess, RequirementsOfProviderAndPersonalityAreAskedOfTheDriver) {
    const Dictionary service = {{kRequired, "vendor.key"}};
    EXPECT_THAT(ErrorOf(*resources, {{kDriverKit, true}}, service), HasSubstr("vendor.key"));
    EXPECT_EQ(ErrorOf(*resources, {{kDriverKit, true}, {"vendor.key", true}}, service), "");
    resources->properties.insert({kRequired, "provider.key"});
    EXPECT_THAT(ErrorOf(*resources, {{kDriverKit, true}}), HasSubstr("provider.key"));
}

}  // namespace
}  // namespace opendext::registry
