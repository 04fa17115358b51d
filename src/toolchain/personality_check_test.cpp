// SPDX-License-Identifier: Apache-2.0
#include "toolchain/personality_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/property_list.h"
#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using ::testing::HasSubstr;

class Personalities : public ::testing::Test {
protected:
    Personalities() {
        folder.Write("Driver.iig", "class MyDriver : public IOService {};\n");
        dext.info_plist = "Info.plist";
        dext.iigs = {folder.path() / "Driver.iig"};
    }

    std::string ErrorOf(const std::string &personality) {
        const std::string text =
            "<plist><dict><key>IOKitPersonalities</key><dict>\n<key>One</key>\n" + personality +
            "</dict></dict></plist>";
        const auto checked =
            CheckPersonalities(dext, text, *ReadPropertyList(text)->IfDictionary());
        return checked ? "no error" : checked.error();
    }

    testing::TemporaryFolder folder;
    DextFolder dext;
};

TEST_F(Personalities, CompleteOne_IsAccepted) {
    EXPECT_EQ(ErrorOf("<dict><key>IOProviderClass</key><string>X</string>"
                      "<key>IOUserClass</key><string>MyDriver</string></dict>"),
              "no error");
}

TEST_F(Personalities, MissingKey_ErrorNamesLineAndKey) {
    EXPECT_THAT(ErrorOf("<dict><key>IOUserClass</key><string>MyDriver</string></dict>"),
                HasSubstr("Info.plist:2: error: personality 'One' has no IOProviderClass"));
    EXPECT_THAT(ErrorOf("<dict><key>IOProviderClass</key><string>X</string></dict>"),
                HasSubstr("has no IOUserClass"));
    EXPECT_THAT(ErrorOf("<array/>"), HasSubstr("make it a <dict>"));
}

TEST_F(Personalities, ClassThatNoInterfaceDeclares_ErrorNamesIt) {
    EXPECT_THAT(ErrorOf("<dict><key>IOProviderClass</key><string>X</string>"
                        "<key>IOUserClass</key><string>Driver</string></dict>"),
                HasSubstr("Info.plist:2: error: personality 'One' has IOUserClass Driver"));
}

TEST_F(Personalities, UnknownKeyOfTheSystem_WarningNamesLineAndKey) {
    const std::string text =
        "<plist><dict><key>IOKitPersonalities</key><dict>\n<key>One</key><dict>\n"
        "<key>IOPCIMatch</key><string>0x1</string>\n<key>IOUserClas</key><string>X</string>\n"
        "<key>MyOwn</key><string>Y</string></dict></dict></dict></plist>";
    EXPECT_THAT(
        PersonalityWarnings(dext, text, *ReadPropertyList(text)->IfDictionary()),
        ::testing::ElementsAre(HasSubstr(
            "Info.plist:4: warning: personality 'One' has key IOUserClas, which OpenDext")));
}

TEST_F(Personalities, ClassOfAUserClientThatNoInterfaceDeclares_WarningNamesIt) {
    const std::string text =
        "<plist><dict><key>IOKitPersonalities</key><dict>\n<key>One</key><dict>\n"
        "<key>UserClientProperties</key><dict>\n"
        "<key>IOUserClass</key><string>MyClint</string></dict>\n"
        "<key>Other</key><dict><key>IOUserClass</key><string>MyDriver</string></dict>\n"
        "</dict></dict></dict></plist>";
    EXPECT_THAT(PersonalityWarnings(dext, text, *ReadPropertyList(text)->IfDictionary()),
                ::testing::ElementsAre(
                    HasSubstr("Info.plist:3: warning: personality 'One' has UserClientProperties "
                              "with IOUserClass MyClint, which no .iig of the dext declares")));
}

}  // namespace
}  // namespace opendext::toolchain
