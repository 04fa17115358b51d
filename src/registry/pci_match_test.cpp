// SPDX-License-Identifier: Apache-2.0
// semantics.md 3.3.
#include "registry/pci_match.h"

#include <gtest/gtest.h>

namespace opendext::registry {
namespace {

constexpr PciIdentity kCard = {
    .device_vendor = 0x702410ee, .class_revision = 0x05800002, .subsystem_vendor = 0x000710ee};

bool Holds(std::string_view key, std::string_view text) {
    return PciKeyMatches(key, text, kCard).value();
}

TEST(PciKeyMatches, WholeDwordIsCompared) {
    EXPECT_TRUE(Holds("IOPCIMatch", "0x702410ee"));
    EXPECT_FALSE(Holds("IOPCIMatch", "0x702510ee"));
}

TEST(PciKeyMatches, PrefixIsOptionalAndCaseDoesNotMatter) {
    EXPECT_TRUE(Holds("IOPCIMatch", "702410EE"));
    EXPECT_TRUE(Holds("IOPCIMatch", "0X702410ee"));
}

TEST(PciKeyMatches, MaskSelectsBitsOfBothSides) {
    EXPECT_TRUE(Holds("IOPCIMatch", "0xffff10ee&0x0000ffff"));
    EXPECT_FALSE(Holds("IOPCIMatch", "0xffff10ef&0x0000ffff"));
    EXPECT_TRUE(Holds("IOPCIMatch", "0&0"));
}

TEST(PciKeyMatches, AnyOfSeveralTermsHolds) {
    EXPECT_TRUE(Holds("IOPCIMatch", "0x11112222 \t\n 0x702410ee"));
    EXPECT_FALSE(Holds("IOPCIMatch", "0x11112222 0x33334444"));
}

TEST(PciKeyMatches, NoTerms_HoldsNever) {
    EXPECT_FALSE(Holds("IOPCIMatch", "  "));
}

TEST(PciKeyMatches, MatchTriesSubsystemAfterPrimary) {
    EXPECT_TRUE(Holds("IOPCIMatch", "0x000710ee"));
}

TEST(PciKeyMatches, PrimaryMatchSeesTheDeviceOnly) {
    EXPECT_TRUE(Holds("IOPCIPrimaryMatch", "0x702410ee"));
    EXPECT_FALSE(Holds("IOPCIPrimaryMatch", "0x000710ee"));
}

TEST(PciKeyMatches, SecondaryMatchSeesTheSubsystemOnly) {
    EXPECT_TRUE(Holds("IOPCISecondaryMatch", "0x000710ee"));
    EXPECT_FALSE(Holds("IOPCISecondaryMatch", "0x702410ee"));
}

TEST(PciKeyMatches, ClassMatchIgnoresTheRevisionUnlessMasked) {
    EXPECT_TRUE(Holds("IOPCIClassMatch", "0x05800000"));
    EXPECT_TRUE(Holds("IOPCIClassMatch", "0x05000000&0xff000000"));
    EXPECT_FALSE(Holds("IOPCIClassMatch", "0x05800000&0xffffffff"));
    EXPECT_TRUE(Holds("IOPCIClassMatch", "0x05800002&0xffffffff"));
}

class MalformedTerm : public ::testing::TestWithParam<const char *> {};

TEST_P(MalformedTerm, IsAnErrorThatNamesKeyAndTerm) {
    const auto matches =
        PciKeyMatches("IOPCIMatch", std::string("0x702410ee ") + GetParam(), kCard);
    ASSERT_FALSE(matches);
    EXPECT_NE(matches.error().find("IOPCIMatch"), std::string::npos);
    EXPECT_NE(matches.error().find(GetParam()), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Terms, MalformedTerm,
                         ::testing::Values("vendor", "0x", "&0xff", "0x12&", "0x1&0x2&0x3",
                                           "0x123456789", "-1", "+1", "0x0x1", "0x-1"));

TEST(IsPciMatchKey, KnowsTheFourKeys) {
    for (const char *key :
         {"IOPCIMatch", "IOPCIPrimaryMatch", "IOPCISecondaryMatch", "IOPCIClassMatch"}) {
        EXPECT_TRUE(IsPciMatchKey(key));
    }
    EXPECT_FALSE(IsPciMatchKey("IOPCITunnelCompatible"));
}

}  // namespace
}  // namespace opendext::registry
