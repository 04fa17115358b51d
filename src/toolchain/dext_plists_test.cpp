// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_plists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/property_list.h"
#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using ::testing::HasSubstr;

constexpr const char *kPersonalities =
    "<key>IOKitPersonalities</key><dict><key>A</key><dict><key>IOProviderClass</key><string>X</"
    "string><key>IOUserClass</key><string>A</"
    "string></dict></dict>\n";

class Plists : public ::testing::Test {
protected:
    std::expected<DextPlists, std::string> Prepare(const std::string &keys) {
        folder.Write("Info.plist",
                     "<plist version=\"1.0\">\n<dict>\n" + keys + "</dict>\n</plist>\n");
        dext.info_plist = folder.path() / "Info.plist";
        return PreparePlists(dext, settings);
    }
    std::string ErrorOf(const std::string &keys) {
        const auto plists = Prepare(keys);
        return plists ? "no error" : plists.error();
    }
    static PropertyValue Parsed(const std::string &text) { return ReadPropertyList(text).value(); }

    testing::TemporaryFolder folder;
    DextFolder dext;
    BuildSettings settings = BuildSettings::ForDext("com.example.driver");
};

TEST_F(Plists, KeysThatXcodeGeneratesAreAdded) {
    const auto plists = Prepare(kPersonalities);
    ASSERT_TRUE(plists) << plists.error();
    const PropertyValue info = Parsed(plists->info);
    EXPECT_EQ(*info.Find("CFBundleIdentifier"), PropertyValue("com.example.driver"));
    EXPECT_EQ(*info.Find("CFBundleExecutable"), PropertyValue("com.example.driver"));
    EXPECT_EQ(*info.Find("CFBundlePackageType"), PropertyValue("DEXT"));
    EXPECT_TRUE(info.Find("IOKitPersonalities"));
    EXPECT_EQ(plists->executable, "com.example.driver");
    EXPECT_EQ(plists->entitlements, "");
}

TEST_F(Plists, KeysThatAreThereStay) {
    const auto plists =
        Prepare(std::string(kPersonalities) + "<key>CFBundleExecutable</key><string>Mine</string>");
    ASSERT_TRUE(plists);
    EXPECT_EQ(*Parsed(plists->info).Find("CFBundleExecutable"), PropertyValue("Mine"));
    EXPECT_EQ(plists->executable, "Mine");
}

TEST_F(Plists, SettingsAreExpanded) {
    const auto plists =
        Prepare(std::string(kPersonalities) + "<key>X</key><string>$(PRODUCT_NAME)</string>");
    ASSERT_TRUE(plists);
    EXPECT_EQ(*Parsed(plists->info).Find("X"), PropertyValue("com.example.driver"));
}

TEST_F(Plists, ValuesWithMarkupAreEscaped) {
    settings.Set("PRODUCT_NAME", "a<b>&c");
    settings.Set("VALUE", "x & y");
    const auto plists =
        Prepare(std::string(kPersonalities) + "<key>X</key><string>$(VALUE)</string>");
    ASSERT_TRUE(plists) << plists.error();
    EXPECT_EQ(*Parsed(plists->info).Find("CFBundleName"), PropertyValue("a<b>&c"));
    EXPECT_EQ(*Parsed(plists->info).Find("X"), PropertyValue("x & y"));
}

TEST_F(Plists, CommentAfterTheDictionary_DoesNotTakeTheKeys) {
    folder.Write("Info.plist", std::string("<plist version=\"1.0\">\n<dict>\n") + kPersonalities +
                                   "</dict>\n<!-- the end of </dict> -->\n</plist>\n");
    dext.info_plist = folder.path() / "Info.plist";
    const auto plists = PreparePlists(dext, settings);
    ASSERT_TRUE(plists) << plists.error();
    EXPECT_TRUE(Parsed(plists->info).Find("CFBundleIdentifier"));
}

TEST_F(Plists, UnknownSetting_ErrorNamesLineAndOption) {
    const std::string error = ErrorOf("<key>X</key>\n<string>$(NONE)</string>");
    EXPECT_THAT(error, HasSubstr("Info.plist:4: error:"));
    EXPECT_THAT(error, HasSubstr("--set NONE="));
}

TEST_F(Plists, NoPersonalities_ErrorSaysWhatToAdd) {
    EXPECT_THAT(ErrorOf(""), HasSubstr("IOKitPersonalities"));
    EXPECT_THAT(ErrorOf("<key>IOKitPersonalities</key><dict/>"), HasSubstr("IOKitPersonalities"));
    EXPECT_THAT(ErrorOf("<key>IOKitPersonalities</key><array/>"), HasSubstr("IOKitPersonalities"));
}

TEST_F(Plists, BrokenXml_ErrorNamesFileAndLine) {
    EXPECT_THAT(ErrorOf("<key>X</key>\n"), HasSubstr("Info.plist:"));
}

TEST_F(Plists, MissingFile_ErrorNamesIt) {
    dext.info_plist = folder.path() / "None.plist";
    EXPECT_THAT(PreparePlists(dext, settings).error(), HasSubstr("None.plist"));
}

TEST_F(Plists, ExecutableMustStayInItsFolder) {
    EXPECT_THAT(ErrorOf(std::string(kPersonalities) +
                        "<key>CFBundleExecutable</key><string>../../x</string>"),
                HasSubstr("CFBundleExecutable"));
}

TEST_F(Plists, EntitlementsKeepSettingsThatAreNotKnown) {
    folder.Write(
        "Driver.entitlements",
        "<plist><dict><key>team</key><string>$(AppIdentifierPrefix)x</string></dict></plist>");
    dext.entitlements = folder.path() / "Driver.entitlements";
    const auto plists = Prepare(kPersonalities);
    ASSERT_TRUE(plists) << plists.error();
    EXPECT_EQ(*Parsed(plists->entitlements).Find("team"), PropertyValue("$(AppIdentifierPrefix)x"));
}

TEST_F(Plists, BrokenEntitlements_ErrorNamesThem) {
    folder.Write("Driver.entitlements", "<plist><array/></plist>");
    dext.entitlements = folder.path() / "Driver.entitlements";
    EXPECT_THAT(ErrorOf(kPersonalities), HasSubstr("Driver.entitlements"));
}

}  // namespace
}  // namespace opendext::toolchain
