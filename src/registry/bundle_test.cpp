// SPDX-License-Identifier: Apache-2.0
// semantics.md 3.1.
#include "registry/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::PersonalityOf;
using testing::PlistText;
using testing::TemporaryFolder;
using Dictionary = PropertyValue::Dictionary;

class ReadBundleTest : public ::testing::Test {
protected:
    [[nodiscard]] std::expected<Bundle, std::string> Read(const Dictionary &personality) const {
        return ReadInfo({{"CFBundleIdentifier", "com.example.driver"},
                         {"IOKitPersonalities", Dictionary{{"Card", personality}}}});
    }
    [[nodiscard]] std::expected<Bundle, std::string> ReadInfo(const Dictionary &info) const {
        folder.Write("Info.plist", PlistText(info));
        return ReadBundle(folder.path());
    }
    [[nodiscard]] std::string ErrorOf(const Dictionary &personality) const {
        const auto bundle = Read(personality);
        return bundle ? "no error" : bundle.error();
    }

    TemporaryFolder folder;
};

TEST_F(ReadBundleTest, WholePersonalityIsRead) {
    const auto bundle =
        Read(PersonalityOf("Driver", {{"IOMatchCategory", "Mine"},
                                      {"IOProbeScore", PropertyValue::FromInteger(700)},
                                      {"IOUserServerOneProcess", false}}));
    ASSERT_TRUE(bundle) << bundle.error();
    EXPECT_EQ(bundle->identifier, "com.example.driver");
    ASSERT_EQ(bundle->personalities.size(), 1u);
    const Personality &personality = bundle->personalities.front();
    EXPECT_EQ(personality.name, "Card");
    EXPECT_EQ(personality.provider_class, "IOUserResources");
    EXPECT_EQ(personality.kernel_class, "IOUserService");
    EXPECT_EQ(personality.user_class, "Driver");
    EXPECT_EQ(personality.server_name, "com.example.driver");
    EXPECT_EQ(personality.category, "Mine");
    EXPECT_EQ(personality.probe_score, 700);
    EXPECT_TRUE(personality.one_process) << "presence counts, not the value (semantics.md 3.5)";
    EXPECT_FALSE(bundle->entitlements);
}

TEST_F(ReadBundleTest, AbsentKeysHaveTheirDefaults) {
    const auto bundle = Read(PersonalityOf("Driver"));
    ASSERT_TRUE(bundle);
    EXPECT_EQ(bundle->personalities.front().category, "IODefaultMatchCategory");
    EXPECT_EQ(bundle->personalities.front().probe_score, 0);
    EXPECT_FALSE(bundle->personalities.front().one_process);
}

TEST_F(ReadBundleTest, NegativeScoreStaysNegative) {
    const auto bundle = Read(PersonalityOf(
        "Driver", {{"IOProbeScore", PropertyValue::FromInteger(static_cast<uint64_t>(-5))}}));
    ASSERT_TRUE(bundle) << bundle.error();
    EXPECT_EQ(bundle->personalities.front().probe_score, -5);
}

TEST_F(ReadBundleTest, MissingKey_ErrorNamesFilePersonalityAndKey) {
    for (const std::string key :
         {"IOProviderClass", "IOClass", "IOUserClass", "IOUserServerName"}) {
        Dictionary personality = PersonalityOf("Driver");
        personality.erase(key);
        EXPECT_THAT(ErrorOf(personality), AllOf(HasSubstr("Info.plist"), HasSubstr("'Card'"),
                                                HasSubstr("add"), HasSubstr(key)));
        personality.insert_or_assign(key, PropertyValue(true));
        EXPECT_THAT(ErrorOf(personality), HasSubstr(key));
    }
}

// semantics.md 3.2.
TEST_F(ReadBundleTest, KernelResourcesAreRefused) {
    Dictionary personality = PersonalityOf("Driver");
    personality.insert_or_assign("IOProviderClass", "IOResources");
    EXPECT_THAT(ErrorOf(personality), HasSubstr("use IOUserResources"));
}

TEST_F(ReadBundleTest, WrongShapes_ErrorsSayWhatIsNeeded) {
    EXPECT_THAT(ReadInfo({{"CFBundleIdentifier", "a.b"}}).error(), HasSubstr("IOKitPersonalities"));
    EXPECT_THAT(
        ReadInfo({{"CFBundleIdentifier", "a.b"}, {"IOKitPersonalities", Dictionary{}}}).error(),
        HasSubstr("IOKitPersonalities"));
    EXPECT_THAT(
        ReadInfo({{"IOKitPersonalities", Dictionary{{"Card", PersonalityOf("Driver")}}}}).error(),
        HasSubstr("CFBundleIdentifier"));
    EXPECT_THAT(ReadInfo({{"CFBundleIdentifier", "a.b"},
                          {"IOKitPersonalities", Dictionary{{"Card", "text"}}}})
                    .error(),
                HasSubstr("make it a <dict>"));
}

TEST_F(ReadBundleTest, NoInfoPlist_ErrorNamesTheCommandThatMakesOne) {
    EXPECT_THAT(ReadBundle(folder.path()).error(), HasSubstr("opendext build"));
    EXPECT_THAT(ReadBundle(folder.path() / "none.dext").error(), HasSubstr("none.dext"));
}

TEST_F(ReadBundleTest, BrokenXml_ErrorNamesFileAndLine) {
    folder.Write("Info.plist", "<plist>\n<dict>\n<key>A</key>\n</plist>\n");
    EXPECT_THAT(ReadBundle(folder.path()).error(), HasSubstr("Info.plist:"));
}

TEST_F(ReadBundleTest, EntitlementsAreReadFromTheirFile) {
    folder.Write("entitlements.plist", PlistText({{"com.apple.developer.driverkit", true}}));
    const auto bundle = Read(PersonalityOf("Driver"));
    ASSERT_TRUE(bundle);
    ASSERT_TRUE(bundle->entitlements);
    EXPECT_TRUE(bundle->entitlements->contains("com.apple.developer.driverkit"));
}

TEST_F(ReadBundleTest, BrokenEntitlements_AreAnError) {
    folder.Write("entitlements.plist", "<plist><array/></plist>");
    EXPECT_THAT(ErrorOf(PersonalityOf("Driver")), HasSubstr("entitlements.plist"));
}

TEST(CheckIsBuilt, FolderOfSources_ErrorNamesTheCommandThatBuildsIt) {
    const TemporaryFolder folder;
    folder.Write("driver/Driver.iig", "class Driver;");
    const auto checked = CheckIsBuilt(folder.path() / "driver/");
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error(), AllOf(HasSubstr("opendext build"), HasSubstr("-o driver.dext")));
}

TEST(CheckIsBuilt, BundleOfMacOs_IsToldApart) {
    const TemporaryFolder folder;
    folder.Write("Driver.dext/Contents/Info.plist", PlistText({}));
    EXPECT_THAT(CheckIsBuilt(folder.path() / "Driver.dext").error(), HasSubstr("macOS"));
}

TEST(CheckIsBuilt, BundleWithoutItsCode_ErrorNamesTheFile) {
    const TemporaryFolder folder;
    folder.Write("Info.plist", PlistText({{"CFBundleExecutable", "driver"}}));
    EXPECT_THAT(CheckIsBuilt(folder.path()).error(),
                AllOf(HasSubstr("driver.so"), HasSubstr("opendext build")));
    folder.Write("driver.so", "");
    EXPECT_TRUE(CheckIsBuilt(folder.path()));
}

}  // namespace
}  // namespace opendext::registry
