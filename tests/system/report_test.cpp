// SPDX-License-Identifier: Apache-2.0
// Reports, and what else a driver tells of itself.
#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

class ReportSystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        OpenClient(kReportClient);
    }
};

TEST_P(ReportSystemTest, Reporters_CountForTheirService) {
    ASSERT_EQ(Call(kReportAdd, {1500}), kIOReturnSuccess);
    ASSERT_EQ(Call(kReportAdd, {static_cast<uint64_t>(-500)}), kIOReturnSuccess);
    ASSERT_EQ(Call(kReportEnter, {1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kReportTally, {50}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kReportRead, 3), (Scalars{1 + 2 + 3, 1000, 1}));
}

TEST_P(ReportSystemTest, Legend_IsAPropertyOfTheService) {
    const IoObject service = FindService("CoreService");
    const CFTypeRef legend = IORegistryEntryCreateCFProperty(service.get(), CFSTR("IOReportLegend"),
                                                             kCFAllocatorDefault, 0);
    ASSERT_NE(legend, nullptr);
    ASSERT_EQ(CFGetTypeID(legend), CFArrayGetTypeID());
    EXPECT_EQ(CFArrayGetCount(static_cast<CFArrayRef>(legend)), 3);
    const auto *entry =
        static_cast<CFDictionaryRef>(CFArrayGetValueAtIndex(static_cast<CFArrayRef>(legend), 0));
    const auto *group =
        static_cast<CFStringRef>(CFDictionaryGetValue(entry, CFSTR("IOReportGroupName")));
    ASSERT_NE(group, nullptr);
    EXPECT_TRUE(CFEqual(group, CFSTR("Core")));
    CFRelease(legend);
    const CFTypeRef is_public = IORegistryEntryCreateCFProperty(
        service.get(), CFSTR("IOReportLegendPublic"), kCFAllocatorDefault, 0);
    EXPECT_EQ(is_public, kCFBooleanTrue);
}

TEST_P(ReportSystemTest, RequireMaxBusStall_TakesWhatFits) {
    EXPECT_EQ(Call(kReportStall, {40000}), kIOReturnSuccess);
    EXPECT_EQ(Call(kReportStall, {0}), kIOReturnSuccess);
    EXPECT_EQ(Call(kReportStall, {uint64_t{1} << 32}), kIOReturnBadArgument);
}

TEST_P(ReportSystemTest, AnalyticsEvent_IsALogLine) {
    EXPECT_EQ(Call(kReportEvent, {1}), kIOReturnBadArgument);
    EXPECT_EQ(Call(kReportEvent, {0}), kIOReturnSuccess);
    EXPECT_TRUE(log().WaitFor(R"(analytics event org.opendext.test.event: {"what" = "tested"})"));
}

TEST_P(ReportSystemTest, Signposts_AreLogLines) {
    EXPECT_EQ(Call(kReportSignpost), kIOReturnSuccess);
    EXPECT_TRUE(log().WaitFor("signpost read begins at"));
    EXPECT_TRUE(log().WaitFor("signpost read ends at"));
}

OPENDEXT_BOTH_VARIANTS(ReportSystemTest);

}  // namespace

}  // namespace opendext::rig
