// SPDX-License-Identifier: Apache-2.0
// Drivers whose Start goes wrong: semantics.md 3.1, 3.6.
#include <chrono>
#include <fstream>
#include <string>

#include "tests/rig/driver_test.h"
#include "tests/rig/private_folder.h"
#include "tests/system/probe/ProbeProtocol.h"

namespace opendext::rig {

namespace {

class DriverStartTest : public TwoProcessTest {
protected:
    std::filesystem::path Variant(const std::string &start) {
        return folder_.ProbeVariant(start, {{"succeed", start}});
    }

    static std::string BundleOf(const IoObject &service) {
        CFTypeRef value = IORegistryEntryCreateCFProperty(
            service.get(), CFSTR("CFBundleIdentifier"), kCFAllocatorDefault, 0);
        char text[128] = {};
        if (value != nullptr) {
            CFStringGetCString(static_cast<CFStringRef>(value), text, sizeof(text),
                               kCFStringEncodingUTF8);
            CFRelease(value);
        }
        return text;
    }

    const PrivateFolder folder_;
};

TEST_F(DriverStartTest, FailedStart_IsToldAndTheNextCandidateStarts) {
    TwoProcessTest::Start({.dexts = {Variant("fail"), BuiltDext("probe")}});
    EXPECT_TRUE(
        log().WaitFor("Start of 'ProbeService' failed with kIOReturnNoDevice (0xe00002c0)"));
    const IoObject service = WaitForService("ProbeService");
    EXPECT_EQ(BundleOf(service), "org.opendext.test.probe");
    EXPECT_EQ(AddOne(Open(service)), kIOReturnSuccess);
}

TEST_F(DriverStartTest, FailedStartWithoutAnotherCandidate_IsReported) {
    TwoProcessTest::Start({.dexts = {Variant("fail")}});
    EXPECT_TRUE(rig().readiness().contains("org.opendext.test.fail: no service has started"))
        << rig().readiness();
    EXPECT_FALSE(FindService("ProbeService"));
}

TEST_F(DriverStartTest, CrashInStart_IsToldAndTheNextCandidateStarts) {
    TwoProcessTest::Start({.dexts = {Variant("crash"), BuiltDext("probe")}});
    EXPECT_TRUE(log().WaitFor("died of signal 11"));
    EXPECT_TRUE(log().WaitFor("CrashAsAsked"));
    EXPECT_EQ(BundleOf(WaitForService("ProbeService")), "org.opendext.test.probe");
}

// What it died of comes before what has come of it.
TEST_F(DriverStartTest, CrashInStart_IsToldBeforeThatNothingHasStarted) {
    TwoProcessTest::Start({.dexts = {Variant("crash")}});
    EXPECT_TRUE(rig().readiness().contains("org.opendext.test.crash: no service has started"));
    // It has been written by now; the thread that reads the log may be behind.
    EXPECT_TRUE(log().WaitFor("died of signal 11")) << log().Text();
}

TEST_F(DriverStartTest, CodeThatCannotBeLoaded_IsToldAndItsProcessEndsByItself) {
    const auto dext = Variant("unloadable");
    std::ofstream(dext / "org.opendext.test.unloadable.so") << "no code";
    TwoProcessTest::Start({.dexts = {dext}});
    EXPECT_TRUE(log().WaitFor("org.opendext.test.unloadable.so: error: "));
    EXPECT_TRUE(WaitUntil([&] { return rig().Hosts().empty(); }));
    EXPECT_FALSE(log().Contains("it is killed")) << log().Text();
}

TEST_F(DriverStartTest, HangInStart_IsEndedAndTheNextCandidateStarts) {
    TwoProcessTest::Start(
        {.dexts = {Variant("hang"), BuiltDext("probe")}, .start_timeout = std::chrono::seconds(5)});
    EXPECT_TRUE(log().WaitFor("Start has not returned after 5000 ms"));
    EXPECT_TRUE(log().WaitFor("died of signal 6"));
    EXPECT_EQ(BundleOf(WaitForService("ProbeService")), "org.opendext.test.probe");
}

// What else there is does not wait for it.
TEST_F(DriverStartTest, OtherDriver_StartsBesideOneThatFails) {
    TwoProcessTest::Start({.dexts = {Variant("crash"), Variant("fail"), BuiltDext("echo")}});
    EXPECT_TRUE(Open(WaitForService("EchoService")));
}

}  // namespace

}  // namespace opendext::rig
