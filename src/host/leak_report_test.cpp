// SPDX-License-Identifier: Apache-2.0
#include "host/leak_report.h"

#include <chrono>
#include <thread>

#include <DriverKit/OSString.h>
#include <gtest/gtest.h>

#include "host/testing/host_rig.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/diagnostics/driver_images.h"
#include "runtime/object/freed_objects.h"
#include "runtime/object/live_objects.h"

namespace opendext::host {
namespace {

/// The test's own code is the driver that has ended.
class LeakReportTest : public testing::Test {
protected:
    LeakReportTest() { diagnostics::AddDriverImage(image_); }
    ~LeakReportTest() override {
        object::ForgetFreedObjects();
        diagnostics::ForgetReported();
        diagnostics::RemoveDriverImage(image_);
    }

    void Report(std::chrono::milliseconds patience = kReleasePatience) {
        ReportLeaks(image_, first_sequence_, object::CurrentSequence(), patience);
    }

    LogCapture log_;

private:
    static constexpr char kHere = 0;
    const void *const image_ = &kHere;
    const uint64_t first_sequence_ = object::CurrentSequence();
};

TEST_F(LeakReportTest, ObjectThatIsLeft_IsReported) {
    OSString *text = OSString::withCString("left");
    Report();
    EXPECT_TRUE(log_.Has("[leaked-object] OSString"));
    text->release();
}

// A thread of the application's may hold the last reference of a queue for a moment when the driver has ended.
TEST_F(LeakReportTest, ObjectThatAnotherThreadIsAboutToRelease_IsNotReported) {
    OSString *text = OSString::withCString("on its way out");
    std::thread other([text] { text->release(); });
    Report(std::chrono::seconds(60));
    EXPECT_FALSE(log_.Has("[leaked-object]"));
    other.join();
}

}  // namespace
}  // namespace opendext::host
