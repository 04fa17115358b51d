// SPDX-License-Identifier: Apache-2.0
// What a driver does wrong, as the log names it: docs/diagnostics.md.
#include "tests/system/diagnostics_test.h"

#include <array>
#include <vector>

namespace opendext::rig {

namespace {

TEST_P(DiagnosticsTest, CommandReleasedWhilePrepared_IsTold) {
    EXPECT_EQ(Ask(kMisuseDropPrepared), kIOReturnSuccess);
    ExpectTold(DiagnosticId::kDmaPreparedAtRelease, "IODMACommand",
               {"MisuseClient::DropPrepared() at MisuseClient.cpp:", "prepared 4096 bytes",
                "call CompleteDMA"});
}

TEST_P(DiagnosticsTest, SameMisuseAgain_IsToldOnce) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(Ask(kMisuseDropPrepared), kIOReturnSuccess);
    }
    // Comes after whatever they have logged.
    EXPECT_EQ(Ask(kMisuseUnsetQueue), kIOReturnSuccess);
    EXPECT_TRUE(log().WaitFor("[wrong-queue]"));
    EXPECT_EQ(log().Count("[dma-prepared-at-release]"), 1U) << log().Text();
}

TEST_P(DiagnosticsTest, ObjectsLeft_AreToldByClassWithTheirPlaces) {
    EXPECT_EQ(Ask(kMisuseLeak), kIOReturnSuccess);
    EXPECT_EQ(Ask(kMisuseLeak), kIOReturnSuccess);
    End();
    const std::string_view place = "MisuseClient::Leak() at MisuseClient.cpp:";
    ExpectTold(DiagnosticId::kLeakedObject, "OSString",
               {"it and 1 more are left", "with 1 reference,", place});
    ExpectTold(DiagnosticId::kLeakedObject, "IOBufferMemoryDescriptor", {place});
    ExpectTold(DiagnosticId::kLeakedObject, "] MisuseClient",
               {"retained 2 times in", place, "made in MisuseService::NewUserClient_Impl("});
}

TEST_P(DiagnosticsTest, TimerReleasedWithoutCancel_IsTold) {
    EXPECT_EQ(Ask(kMisuseDropTimer), kIOReturnSuccess);
    ExpectTold(DiagnosticId::kNotCancelled, "IOTimerDispatchSource",
               {"MisuseClient::ExternalMethod(", "made in MisuseClient::MakeTimer(",
                "at MisuseClient.cpp:", "call Cancel"});
}

TEST_P(DiagnosticsTest, TimerNotCancelledAtStop_IsTold) {
    EXPECT_EQ(Ask(kMisuseKeepTimer), kIOReturnSuccess);
    connection_.Close();
    ExpectTold(DiagnosticId::kNotCancelled, "IOTimerDispatchSource",
               {"MisuseClient::Stop", "MisuseClient::Stop_Impl(IOService*) at MisuseClient.cpp:",
                "made in MisuseClient::MakeTimer("});
}

TEST_P(DiagnosticsTest, QueueWithASleeperAtStop_IsTold) {
    EXPECT_EQ(Ask(kMisuseKeepQueue), kIOReturnSuccess);
    connection_.Close();
    ExpectTold(DiagnosticId::kNotCancelled, "the queue \"Work\"",
               {"MisuseClient::Stop", "work that sleeps", "at MisuseClient.cpp:"});
}

TEST_P(DiagnosticsTest, ActionThatHoldsItsStoppedTarget_IsTold) {
    EXPECT_EQ(Ask(kMisuseKeepAction), kIOReturnSuccess);
    End();
    ExpectTold(
        DiagnosticId::kNotCancelled, "MisuseClient::TimeIsUp",
        {"holds its target", "made in MisuseClient::ExternalMethod(", "at MisuseClient.cpp:"});
    EXPECT_FALSE(log().Contains("[leaked-object] MisuseClient")) << log().Text();
    EXPECT_FALSE(log().Contains("[leaked-object] OSAction")) << log().Text();
}

TEST_P(DiagnosticsTest, StopWithoutSuper_IsTold) {
    EXPECT_EQ(Ask(kMisuseStopWithoutSuper), kIOReturnSuccess);
    connection_.Close();
    ExpectTold(DiagnosticId::kStopWithoutSuper, "MisuseClient::Stop",
               {"MisuseClient::Stop_Impl(IOService*) at MisuseClient.cpp:",
                "call Stop(provider, SUPERDISPATCH)"});
    connection_ = Open(FindService("MisuseService"));
    EXPECT_EQ(Ask(kMisuseStopLate), kIOReturnSuccess);
}

TEST_P(DiagnosticsTest, WakeupFromAnotherQueue_IsTold) {
    EXPECT_EQ(Ask(kMisuseWakeFromElsewhere), kIOReturnUnsupported);
    ExpectTold(DiagnosticId::kWrongQueue, "IODispatchQueue::Wakeup",
               {"the queue \"Work\"", "MisuseClient::ExternalMethod(", "at MisuseClient.cpp:"});
}

TEST_P(DiagnosticsTest, MethodWhoseQueueWasNotSet_IsTold) {
    EXPECT_EQ(Ask(kMisuseUnsetQueue), kIOReturnSuccess);
    ExpectTold(DiagnosticId::kWrongQueue, "MisuseClient::RunOnUnsetQueue",
               {"QUEUENAME(Unset)", "call SetDispatchQueue(\"Unset\", queue)"});
}

TEST_P(DiagnosticsTest, ExternalMethodOnAnotherQueue_IsTold) {
    EXPECT_EQ(Ask(kMisuseDispatchElsewhere), kIOReturnSuccess);
    ExpectTold(
        DiagnosticId::kWrongQueue, "MisuseClient::ExternalMethod",
        {"selector 0 runs on a thread that is not on the client's queue", "at MisuseClient.cpp:"});
}

// semantics.md 2.5.
TEST_P(DiagnosticsTest, StructureOutputBesideDescriptor_IsTold) {
    std::vector<uint8_t> output(5000);
    size_t num_bytes = output.size();
    EXPECT_EQ(IOConnectCallStructMethod(connection_.get(), kMisuseTwoOutputs, nullptr, 0,
                                        output.data(), &num_bytes),
              kIOReturnBadArgument);
    ExpectTold(DiagnosticId::kTwoStructureOutputs, "MisuseClient::ExternalMethod",
               {"selector 12", "structureOutput of 6 bytes", "structureOutputDescriptor of 5000",
                "made in MisuseClient::ExternalMethod(", "at MisuseClient.cpp:"});
}

OPENDEXT_BOTH_VARIANTS(DiagnosticsTest);

class FailedStartTest : public DiagnosticsTest {
protected:
    void SetUp() override {
        DriverTest::SetUp();
        DriverTest::Start({.dexts = {BuiltDext("misuse_start")}, .devices = {"model:fpga-dma"}});
    }
};

TEST_P(FailedStartTest, WhatAFailedStartLeaves_IsTold) {
    ExpectTold(DiagnosticId::kStartNotUndone, "MisuseStart::Start",
               {"kIOReturnNoResources", "its provider, IOPCIDevice, is open",
                "IOTimerDispatchSource made in MisuseStart::StartTimer() at MisuseStart.cpp:",
                "is not cancelled", "1 DMA preparation", "IOMemoryMap made in"});
}

TEST_P(FailedStartTest, StartThatUndoes_IsNotTold) {
    End();
    EXPECT_FALSE(log().Contains("TidyStart::Start")) << log().Text();
}

OPENDEXT_BOTH_VARIANTS(FailedStartTest);

}  // namespace

}  // namespace opendext::rig
