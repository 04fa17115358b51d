// SPDX-License-Identifier: Apache-2.0
// semantics.md 3.2.
#include "registry/matching.h"

#include <gtest/gtest.h>

#include "registry/kernel_classes.h"

namespace opendext::registry {
namespace {

using Array = PropertyValue::Array;
using Dictionary = PropertyValue::Dictionary;

class Matching : public ::testing::Test {
protected:
    Matching() {
        RegistryEntry &card = tree.Add(tree.root(), "IOPCIDevice", "pci10ee,7024");
        card.location = "3,0";
        card.pci = PciIdentity{
            .device_vendor = 0x702410ee, .class_revision = 0x05800002, .subsystem_vendor = 0};
        card.properties = {{"compatible", Array{"pciclass,058000", "pci10ee"}},
                           {"slot", PropertyValue::FromInteger(3, 8)}};
        provider = &card;
        RegistryEntry &driver = tree.Add(card.id, "IOUserService", "Driver");
        driver.properties = {{"IOUserClass", "Driver"}, {"both", "kernel"}};
        driver.user_properties = {{"mode", "fast"}, {"both", "driver"}};
        service = &driver;
    }

    [[nodiscard]] bool Selected(const Dictionary &matching) const {
        return Selected(*service, matching);
    }
    [[nodiscard]] bool Selected(const RegistryEntry &entry, const Dictionary &matching) const {
        return !FindMismatch(tree, entry, matching);
    }

    RegistryTree tree;
    RegistryEntry *provider = nullptr;
    RegistryEntry *service = nullptr;
};

TEST_F(Matching, NoKeys_SelectAnything) {
    EXPECT_TRUE(Selected({}));
}
TEST_F(Matching, UnknownKeysAreLeftAlone) {
    EXPECT_TRUE(Selected({{"VendorKey", "x"}}));
}

TEST_F(Matching, ProviderClassIsAnIsATest) {
    EXPECT_TRUE(Selected({{"IOProviderClass", "IOUserService"}}));
    EXPECT_TRUE(Selected({{"IOProviderClass", "IOService"}}));
    EXPECT_FALSE(Selected({{"IOProviderClass", "IOPCIDevice"}}));
    EXPECT_FALSE(Selected({{"IOProviderClass", "Driver"}}))
        << "the dext's own class is no kernel class";
    EXPECT_FALSE(Selected({{"IOProviderClass", true}}));
}

TEST_F(Matching, UnknownKernelClassIsAService) {
    EXPECT_TRUE(KernelClassConforms("IOUserSerial", "IOService"));
    EXPECT_EQ(KernelClassAncestry("IOUserUserClient"),
              (std::vector<std::string>{"IOUserUserClient", "IOUserClient", "IOService",
                                        "IORegistryEntry", "OSObject"}));
}

TEST_F(Matching, NameMatchTakesOneNameOrAny) {
    EXPECT_TRUE(Selected({{"IONameMatch", "Driver"}}));
    EXPECT_TRUE(Selected({{"IONameMatch", Array{"Other", "Driver"}}}));
    EXPECT_FALSE(Selected({{"IONameMatch", Array{"Other"}}}));
    EXPECT_FALSE(Selected({{"IONameMatch", Array{}}}));
}

TEST_F(Matching, NameMatchSeesCompatibleNames) {
    EXPECT_TRUE(Selected(*provider, {{"IONameMatch", "pciclass,058000"}}));
    EXPECT_FALSE(Selected(*provider, {{"IONameMatch", "pciclass"}}));
}

TEST_F(Matching, PropertyMatchNeedsEveryKeyOfADictionary) {
    EXPECT_TRUE(Selected({{"IOPropertyMatch", Dictionary{{"IOUserClass", "Driver"}}}}));
    EXPECT_FALSE(
        Selected({{"IOPropertyMatch", Dictionary{{"IOUserClass", "Driver"}, {"none", true}}}}));
}

TEST_F(Matching, PropertyMatchTakesAnyOfAnArray) {
    const Dictionary wrong = {{"IOUserClass", "Other"}};
    const Dictionary right = {{"IOUserClass", "Driver"}};
    EXPECT_TRUE(Selected({{"IOPropertyMatch", Array{wrong, right}}}));
    EXPECT_FALSE(Selected({{"IOPropertyMatch", Array{wrong, wrong}}}));
}

TEST_F(Matching, PropertyMatchComparesTypeAndValue) {
    EXPECT_TRUE(Selected(
        *provider, {{"IOPropertyMatch", Dictionary{{"slot", PropertyValue::FromInteger(3)}}}}));
    EXPECT_FALSE(Selected(*provider, {{"IOPropertyMatch", Dictionary{{"slot", "3"}}}}));
    EXPECT_FALSE(Selected(*provider, {{"IOPropertyMatch", "slot"}}));
}

TEST_F(Matching, PropertyMatchSeesWhatTheDriverSet) {
    EXPECT_TRUE(Selected({{"IOPropertyMatch", Dictionary{{"mode", "fast"}}}}));
    EXPECT_TRUE(Selected({{"IOPropertyMatch", Dictionary{{"both", "kernel"}}}}));
    EXPECT_FALSE(Selected({{"IOPropertyMatch", Dictionary{{"both", "driver"}}}}));
}

TEST_F(Matching, PropertyExistsMatchTakesOneKeyOrAny) {
    EXPECT_TRUE(Selected({{"IOPropertyExistsMatch", "mode"}}));
    EXPECT_TRUE(Selected({{"IOPropertyExistsMatch", Array{"none", "mode"}}}));
    EXPECT_FALSE(Selected({{"IOPropertyExistsMatch", "none"}}));
}

TEST_F(Matching, EntryIdIsComparedByValue) {
    EXPECT_TRUE(Selected(
        {{"IORegistryEntryID", PropertyValue::FromInteger(static_cast<uint64_t>(service->id))}}));
    EXPECT_FALSE(Selected({{"IORegistryEntryID", PropertyValue::FromInteger(1)}}));
}

TEST_F(Matching, LocationMatchComparesTheLocation) {
    EXPECT_TRUE(Selected(*provider, {{"IOLocationMatch", "3,0"}}));
    EXPECT_FALSE(Selected(*provider, {{"IOLocationMatch", "3,1"}}));
    EXPECT_FALSE(Selected({{"IOLocationMatch", "3,0"}}));
}

TEST_F(Matching, PathMatchComparesTheWholePath) {
    EXPECT_TRUE(Selected({{"IOPathMatch", "IOService:/pci10ee,7024@3,0/Driver"}}));
    EXPECT_FALSE(Selected({{"IOPathMatch", "IOService:/Driver"}}));
}

TEST_F(Matching, ParentMatchTakesAnyAncestor) {
    EXPECT_TRUE(Selected({{"IOParentMatch", Dictionary{{"IOPCIMatch", "0x702410ee"}}}}));
    EXPECT_FALSE(Selected({{"IOParentMatch", Dictionary{{"IOProviderClass", "IOUserService"}}}}))
        << "not itself";
    EXPECT_FALSE(Selected({{"IOParentMatch", "pci10ee,7024"}}));
}

TEST_F(Matching, ParentMatchWithinParentMatchClimbsOn) {
    const Dictionary root = {{"IONameMatch", "Root"}};
    const Dictionary card = {{"IONameMatch", "pci10ee,7024"}, {"IOParentMatch", root}};
    EXPECT_TRUE(Selected({{"IOParentMatch", card}}));
    EXPECT_FALSE(Selected(
        {{"IOParentMatch", Dictionary{{"IONameMatch", "Root"}, {"IOParentMatch", root}}}}));
}

TEST_F(Matching, NestedParentMatchesInADeepTreeEndSoon) {
    EntryId deepest = service->id;
    for (int i = 0; i < 200; ++i) {
        deepest = tree.Add(deepest, "IOUserService", "Link").id;
    }
    Dictionary nested = {{"IONameMatch", "Nobody"}};
    for (int i = 0; i < 40; ++i) {
        nested = {{"IONameMatch", "Link"}, {"IOParentMatch", nested}};
    }
    EXPECT_FALSE(Selected(*tree.Find(deepest), nested));
}

TEST_F(Matching, MatchedServiceCountCountsDriversOnTheEntry) {
    EXPECT_TRUE(Selected(*provider, {{"IOMatchedServiceCount", PropertyValue::FromInteger(0)}}));
    service->personality = "Driver";
    EXPECT_TRUE(Selected(*provider, {{"IOMatchedServiceCount", PropertyValue::FromInteger(1)}}));
    service->active = false;
    EXPECT_FALSE(Selected(*provider, {{"IOMatchedServiceCount", PropertyValue::FromInteger(1)}}));
}

TEST_F(Matching, BsdNameIsAProperty) {
    EXPECT_FALSE(Selected({{"BSD Name", "disk0"}}));
    service->user_properties.insert({"BSD Name", "disk0"});
    EXPECT_TRUE(Selected({{"BSD Name", "disk0"}}));
}

TEST_F(Matching, ResourceMatchIsForResources) {
    RegistryEntry &resources = tree.Add(tree.root(), "IOUserResources", "IOUserResources");
    resources.properties = {{"IOKit", "IOService"}};
    EXPECT_TRUE(Selected(resources, {{"IOResourceMatch", "IOKit"}}));
    EXPECT_FALSE(Selected(resources, {{"IOResourceMatch", "IOBSD"}}));
    EXPECT_TRUE(Selected(*provider, {{"IOResourceMatch", "IOKit"}}));
}

// semantics.md 3.3.
TEST_F(Matching, AllPciKeysMustHold) {
    EXPECT_TRUE(
        Selected(*provider, {{"IOPCIMatch", "0x702410ee"}, {"IOPCIClassMatch", "0x05800000"}}));
    EXPECT_FALSE(
        Selected(*provider, {{"IOPCIMatch", "0x702410ee"}, {"IOPCIClassMatch", "0x01080200"}}));
    EXPECT_FALSE(Selected(*provider, {{"IOPCIMatch", Array{"0x702410ee"}}}));
    EXPECT_FALSE(Selected(*provider, {{"IOPCIMatch", "nonsense"}}));
}

// semantics.md 3.2: keys that no family of the entry knows are ignored.
TEST_F(Matching, PciKeysAreIgnoredOffThePciBus) {
    EXPECT_TRUE(Selected({{"IOPCIMatch", "0x12345678"}}));
}

TEST_F(Matching, MismatchNamesKeyWantAndHave) {
    const auto mismatch = FindMismatch(tree, *provider, {{"IOPCIMatch", "0x12345678"}});
    ASSERT_TRUE(mismatch);
    EXPECT_EQ(mismatch->key, "IOPCIMatch");
    EXPECT_NE(mismatch->reason.find("0x12345678"), std::string::npos);
    EXPECT_NE(mismatch->reason.find("0x702410ee"), std::string::npos);
}

}  // namespace
}  // namespace opendext::registry
