// SPDX-License-Identifier: Apache-2.0
// semantics.md 3.4.
#include "registry/usb_match.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/matching.h"
#include "registry/testing/fake_devices.h"
#include "registry/usb_properties.h"

namespace opendext::registry {
namespace {

using ::testing::AllOf;
using testing::CompositeDevice;
using ::testing::HasSubstr;
using testing::VendorDevice;
using Array = PropertyValue::Array;
using Dictionary = PropertyValue::Dictionary;

PropertyValue N(uint64_t value) {
    return PropertyValue::FromInteger(value);
}

class UsbMatch : public ::testing::Test {
protected:
    UsbMatch() {
        composite = Add(CompositeDevice());
        vendor = Add(VendorDevice());
        vendor_interface = AddInterface(0);
        hid_interface = AddInterface(1);
    }

    RegistryEntry *Add(const channel::UsbDeviceReport &report) {
        RegistryEntry &entry = tree.Add(tree.root(), "IOUSBHostDevice", "Loop");
        entry.properties = UsbDeviceProperties(report, 0x100000);
        return &entry;
    }
    RegistryEntry *AddInterface(size_t index) {
        const channel::UsbDeviceReport report = CompositeDevice();
        RegistryEntry &entry = tree.Add(composite->id, "IOUSBHostInterface", "IOUSBHostInterface");
        entry.properties =
            UsbInterfaceProperties(report, 0x100000, 1, report.configurations[0].interfaces[index]);
        return &entry;
    }

    static int64_t Score(const RegistryEntry *entry, const Dictionary &keys) {
        return MatchUsbKeys(*entry, keys).value_or(-1);
    }
    static std::string Reason(const RegistryEntry *entry, const Dictionary &keys) {
        const auto score = MatchUsbKeys(*entry, keys);
        return score ? "" : score.error().key + " " + score.error().reason;
    }

    RegistryTree tree;
    RegistryEntry *composite = nullptr;         // class 0
    RegistryEntry *vendor = nullptr;            // class 0xFF, subclass 3, protocol 4
    RegistryEntry *vendor_interface = nullptr;  // number 0, class 0xFF, subclass 1, protocol 0
    RegistryEntry *hid_interface = nullptr;     // number 1, class 3, subclass 1, protocol 2
};

TEST_F(UsbMatch, DeviceSets_ScoreAsInTheTable) {
    EXPECT_EQ(
        Score(composite, {{"idVendor", N(0x1209)}, {"idProduct", N(1)}, {"bcdDevice", N(0x100)}}),
        100000);
    EXPECT_EQ(Score(composite, {{"idVendor", N(0x1209)}, {"idProduct", N(1)}}), 90000);
    EXPECT_EQ(
        Score(vendor,
              {{"idVendor", N(0x1209)}, {"bDeviceSubClass", N(3)}, {"bDeviceProtocol", N(4)}}),
        80000);
    EXPECT_EQ(Score(vendor, {{"idVendor", N(0x1209)}, {"bDeviceSubClass", N(3)}}), 70000);
    EXPECT_EQ(Score(composite,
                    {{"bDeviceClass", N(0)}, {"bDeviceSubClass", N(0)}, {"bDeviceProtocol", N(0)}}),
              60000);
    EXPECT_EQ(Score(composite, {{"bDeviceClass", N(0)}, {"bDeviceSubClass", N(0)}}), 50000);
}

TEST_F(UsbMatch, InterfaceSets_ScoreAsInTheTable) {
    const Dictionary place = {{"idVendor", N(0x1209)},
                              {"idProduct", N(1)},
                              {"bInterfaceNumber", N(1)},
                              {"bConfigurationValue", N(1)}};
    Dictionary release = place;
    release.insert({"bcdDevice", N(0x100)});
    EXPECT_EQ(Score(hid_interface, release), 100000);
    EXPECT_EQ(Score(hid_interface, place), 90000);
    EXPECT_EQ(Score(vendor_interface, {{"idVendor", N(0x1209)},
                                       {"bInterfaceSubClass", N(1)},
                                       {"bInterfaceProtocol", N(0)}}),
              80000);
    EXPECT_EQ(Score(vendor_interface, {{"idVendor", N(0x1209)}, {"bInterfaceSubClass", N(1)}}),
              70000);
    EXPECT_EQ(Score(hid_interface, {{"bInterfaceClass", N(3)},
                                    {"bInterfaceSubClass", N(1)},
                                    {"bInterfaceProtocol", N(2)}}),
              60000);
    EXPECT_EQ(Score(hid_interface, {{"bInterfaceClass", N(3)}, {"bInterfaceSubClass", N(1)}}),
              50000);
}

TEST_F(UsbMatch, SetOutsideTheTable_IsRefusedWithTheSetsThereAre) {
    EXPECT_THAT(Reason(composite, {{"idVendor", N(0x1209)}}),
                AllOf(HasSubstr("idVendor"), HasSubstr("idVendor+idProduct"),
                      HasSubstr("bDeviceClass+bDeviceSubClass")));
    EXPECT_THAT(Reason(composite, {{"bDeviceClass", N(0)}}), HasSubstr("selects no USB device"));
    EXPECT_THAT(Reason(composite, {}), HasSubstr("no USB key"));
    EXPECT_THAT(Reason(hid_interface, {{"idVendor", N(0x1209)}, {"idProduct", N(1)}}),
                HasSubstr("idVendor+idProduct+bConfigurationValue+bInterfaceNumber"));
    EXPECT_THAT(Reason(hid_interface,
                       {{"idVendor", N(0x1209)}, {"idProduct", N(1)}, {"bInterfaceNumber", N(1)}}),
                HasSubstr("selects no USB interface"));
}

TEST_F(UsbMatch, VendorSpecificSets_AreForClassFFAlone) {
    EXPECT_EQ(Score(composite, {{"idVendor", N(0x1209)}, {"bDeviceSubClass", N(0)}}), -1);
    EXPECT_EQ(Score(vendor, {{"bDeviceClass", N(0xFF)}, {"bDeviceSubClass", N(3)}}), -1);
    EXPECT_EQ(Score(hid_interface, {{"idVendor", N(0x1209)}, {"bInterfaceSubClass", N(1)}}), -1);
    EXPECT_EQ(Score(vendor_interface, {{"bInterfaceClass", N(0xFF)}, {"bInterfaceSubClass", N(1)}}),
              -1);
}

TEST_F(UsbMatch, ClassBesideAProduct_MustHold) {
    const Dictionary place = {{"idVendor", N(0x1209)},
                              {"idProduct", N(1)},
                              {"bInterfaceNumber", N(1)},
                              {"bConfigurationValue", N(1)}};
    Dictionary right = place;
    right.insert({{"bInterfaceClass", N(3)}, {"bInterfaceProtocol", N(2)}});
    EXPECT_EQ(Score(hid_interface, right), 90000);
    Dictionary wrong = place;
    wrong.insert({"bInterfaceClass", N(8)});
    EXPECT_THAT(Reason(hid_interface, wrong), HasSubstr("bInterfaceClass wants 0x8"));
    EXPECT_EQ(
        Score(vendor,
              {{"idVendor", N(0x1209)}, {"bDeviceClass", N(0xFF)}, {"bDeviceSubClass", N(3)}}),
        70000);
}

TEST_F(UsbMatch, ValueThatDiffers_IsNamedWithBoth) {
    EXPECT_THAT(Reason(composite, {{"idVendor", N(0x1209)}, {"idProduct", N(2)}}),
                AllOf(HasSubstr("idProduct wants 0x2"), HasSubstr("'Loop' has 0x1")));
    EXPECT_THAT(Reason(composite, {{"idVendor", N(1)}, {"idProduct", N(1)}}),
                HasSubstr("idVendor wants 0x1"));
    EXPECT_THAT(Reason(composite, {{"idVendor", "0x1209"}, {"idProduct", N(1)}}),
                AllOf(HasSubstr("idVendor is a string"), HasSubstr("<integer>")));
    EXPECT_THAT(Reason(hid_interface, {{"bInterfaceNumber", N(0)}}),
                HasSubstr("bInterfaceNumber wants 0x0, interface 1 of 'Loop' has 0x1"));
}

TEST_F(UsbMatch, ProductArray_StandsForTheProduct) {
    const Array products = {N(7), N(1)};
    EXPECT_EQ(Score(composite, {{"idVendor", N(0x1209)}, {"idProductArray", products}}), 90000);
    EXPECT_THAT(Reason(composite, {{"idVendor", N(0x1209)}, {"idProductArray", Array{N(7), N(8)}}}),
                HasSubstr("0x7 or 0x8"));
    EXPECT_THAT(Reason(composite, {{"idVendor", N(0x1209)}, {"idProductArray", Array{}}}),
                HasSubstr("idProductArray is a array without numbers"));
}

TEST_F(UsbMatch, ProductMask_SelectsBits) {
    EXPECT_EQ(
        Score(composite,
              {{"idVendor", N(0x1209)}, {"idProduct", N(0x00F1)}, {"idProductMask", N(0xFF0F)}}),
        89500);
    EXPECT_EQ(Score(composite,
                    {{"idVendor", N(0x1209)}, {"idProduct", N(1)}, {"idProductMask", N(0xFF0F)}}),
              90000)
        << "the mask was not needed";
    EXPECT_EQ(Score(composite, {{"idVendor", N(0x1209)},
                                {"idProductArray", Array{N(0x20), N(0x31)}},
                                {"idProductMask", N(0x0F)}}),
              89500);
    EXPECT_THAT(
        Reason(composite,
               {{"idVendor", N(0x1209)}, {"idProduct", N(0x10)}, {"idProductMask", N(0x0F)}}),
        HasSubstr("under the mask 0xf"));
}

TEST_F(UsbMatch, Asterisk_HoldsForAnyValueAndCostsScore) {
    EXPECT_EQ(Score(composite, {{"idVendor", N(0x1209)}, {"idProduct", "*"}}), 89000);
    EXPECT_EQ(Score(hid_interface, {{"idVendor", N(0x1209)},
                                    {"idProduct", N(1)},
                                    {"bInterfaceNumber", "*"},
                                    {"bConfigurationValue", "*"},
                                    {"bInterfaceClass", N(3)},
                                    {"bInterfaceSubClass", "*"}}),
              88000);
}

TEST_F(UsbMatch, PersonalityWithoutUsbKeys_MatchesNothing_DictionaryDoes) {
    const Dictionary plain = {{"IOProviderClass", "IOUSBHostDevice"}};
    EXPECT_FALSE(FindMismatch(tree, *composite, plain)) << "an application that looks for all";
    EXPECT_FALSE(MatchPersonality(tree, *composite, plain)) << "a driver says what it is for";
    EXPECT_TRUE(FindMismatch(tree, *composite,
                             {{"IOProviderClass", "IOUSBHostDevice"}, {"idVendor", N(0x1209)}}));
}

TEST_F(UsbMatch, EntriesOfOtherFamilies_LeaveTheKeysAlone) {
    const RegistryEntry &other = tree.Add(tree.root(), "IOUserResources", "IOUserResources");
    EXPECT_FALSE(FindMismatch(tree, other, {{"idVendor", N(1)}}));
    EXPECT_EQ(MatchPersonality(tree, other, {{"idVendor", N(1)}}).value(), 0);
}

TEST_F(UsbMatch, DeviceKeysAtAnInterface_AreLeftAlone) {
    EXPECT_EQ(
        Score(hid_interface,
              {{"bInterfaceClass", N(3)}, {"bInterfaceSubClass", N(1)}, {"bDeviceClass", N(9)}}),
        50000);
}

TEST_F(UsbMatch, EntitlementKeys_EachByItself) {
    EXPECT_FALSE(FindUsbKeyMismatch(*hid_interface, {{"idVendor", N(0x1209)}}));
    EXPECT_FALSE(FindUsbKeyMismatch(*hid_interface, {{"idVendor", "*"}}));
    EXPECT_TRUE(FindUsbKeyMismatch(*hid_interface, {{"idVendor", N(0x1209)}, {"idProduct", N(9)}}));
}

}  // namespace
}  // namespace opendext::registry
