// SPDX-License-Identifier: Apache-2.0
// IOServiceOpen and its ends: semantics.md 2.1, 2.2, 2.10.
#include <string>

#include "tests/system/probe_test.h"

namespace opendext::rig {

namespace {

constexpr char kEntitledApp[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>com.apple.developer.driverkit.userclient-access</key>
<array><string>org.opendext.test.guarded</string></array>
</dict></plist>)";

constexpr char kOtherApp[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>com.apple.developer.driverkit.userclient-access</key>
<array><string>org.opendext.test.another</string></array>
</dict></plist>)";

kern_return_t TryOpen(const IoObject &service, uint32_t type = 0) {
    io_connect_t connect = IO_OBJECT_NULL;
    const kern_return_t result = IOServiceOpen(service.get(), mach_task_self(), type, &connect);
    if (result == kIOReturnSuccess) {
        IOServiceClose(connect);
    } else {
        EXPECT_EQ(connect, IO_OBJECT_NULL);
    }
    return result;
}

class OpenTest : public ProbeTest {};

TEST_P(OpenTest, ErrorOfNewUserClient_IsTheApplications) {
    EXPECT_EQ(TryOpen(FindService("ProbeService"), kProbeOpenRefused), kIOReturnExclusiveAccess);
    ExpectStillWorks();
}

TEST_P(OpenTest, SuccessWithoutAClient_IsAnError) {
    EXPECT_EQ(TryOpen(FindService("ProbeService"), kProbeOpenNothing), kIOReturnError);
    ExpectStillWorks();
}

// semantics.md 2.2: the key must name a dictionary of the personality.
TEST_P(OpenTest, ClientOfMissingProperties_IsABadArgument) {
    EXPECT_EQ(TryOpen(FindService("ProbeService"), kProbeOpenNoProperties), kIOReturnBadArgument);
    ExpectStillWorks();
}

TEST_P(OpenTest, ServiceWithoutADriver_CannotBeOpened) {
    const IoObject resources(
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("IOUserResources")));
    ASSERT_TRUE(resources);
    EXPECT_NE(TryOpen(resources), kIOReturnSuccess);
}

TEST_P(OpenTest, AnotherTask_IsABadArgument) {
    const IoObject service = FindService("ProbeService");
    io_connect_t connect = IO_OBJECT_NULL;
    EXPECT_EQ(IOServiceOpen(service.get(), mach_task_self() + 1, 0, &connect),
              kIOReturnBadArgument);
    EXPECT_EQ(IOServiceOpen(service.get(), mach_task_self(), 0, nullptr), kIOReturnBadArgument);
}

TEST_P(OpenTest, Close_StopsTheClient) {
    Connection second = Open(FindService("ProbeService"));
    const size_t before = log().Count(kProbeStopLine);
    second.Close();
    EXPECT_TRUE(log().WaitFor(kProbeStopLine, before + 1));
    ExpectStillWorks();
}

TEST_P(OpenTest, OpenAndCloseManyTimes_LeavesNothingBehind) {
    const IoObject service = FindService("ProbeService");
    ASSERT_EQ(TryOpen(service), kIOReturnSuccess);
    ASSERT_TRUE(log().WaitFor(kProbeStopLine, 1));
    ExpectStillWorks();
    const std::vector<uint64_t> before = Census();
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(TryOpen(service), kIOReturnSuccess);
    }
    EXPECT_TRUE(ComesBackTo(before));
}

// No check is made of an application whose entitlements are not known.
TEST_P(OpenTest, UnknownEntitlements_AreNotChecked) {
    EXPECT_EQ(TryOpen(FindService("ProbeService"), kProbeOpenNotPermitted), kIOReturnSuccess);
}

class EntitlementTest : public DriverTest {
protected:
    void StartGuarded(const std::string &app_entitlements) {
        const auto dext = folder_.ProbeVariant("guarded", {});
        folder_.Write(
            "guarded.dext/entitlements.plist",
            R"(<plist version="1.0"><dict><key>com.apple.developer.driverkit</key><true/></dict></plist>)");
        DriverTest::Start({.dexts = {dext}, .app_entitlements = app_entitlements});
    }

    const PrivateFolder folder_;
};

TEST_P(EntitlementTest, ApplicationThatNamesTheDriver_MayOpen) {
    StartGuarded(kEntitledApp);
    EXPECT_EQ(TryOpen(FindService("ProbeService")), kIOReturnSuccess);
}

// The client has started by then, so its Stop runs.
TEST_P(EntitlementTest, ApplicationThatNamesAnother_MayNotAndIsToldTheFix) {
    StartGuarded(kOtherApp);
    EXPECT_EQ(TryOpen(FindService("ProbeService")), kIOReturnNotPermitted);
    EXPECT_TRUE(log().WaitFor(
        "add 'org.opendext.test.guarded' to com.apple.developer.driverkit.userclient-access"));
    EXPECT_TRUE(log().WaitFor(kProbeStopLine));
}

TEST_P(EntitlementTest, ClientThatAsksForAnEntitlement_IsNotOpenedWithoutIt) {
    StartGuarded(kEntitledApp);
    const IoObject service = FindService("ProbeService");
    EXPECT_EQ(TryOpen(service, kProbeOpenNotPermitted), kIOReturnNotPermitted);
    EXPECT_TRUE(log().WaitFor("its user client asks for the entitlements"));
    EXPECT_EQ(TryOpen(service), kIOReturnSuccess);
}

OPENDEXT_BOTH_VARIANTS(OpenTest);
OPENDEXT_BOTH_VARIANTS(EntitlementTest);

}  // namespace

}  // namespace opendext::rig
