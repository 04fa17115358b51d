// SPDX-License-Identifier: Apache-2.0
#include "toolchain/ninja_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::toolchain {
namespace {

using ::testing::HasSubstr;

TEST(NinjaOutput, FailedStep_OnlyTheCompilersMessagesAreLeft) {
    EXPECT_EQ(CompilerMessages(
                  "FAILED: a.o \nclang++ -c a.cpp\na.cpp:1:2: error: no\n1 error generated.\n"
                  "ninja: build stopped: subcommand failed.\n"),
              "a.cpp:1:2: error: no\n1 error generated.\n");
}

TEST(NinjaOutput, TwoFailedSteps_BothAreReported) {
    EXPECT_EQ(
        CompilerMessages("FAILED: a.o \ncommand a\na: error\nFAILED: b.o \ncommand b\nb: error\n"),
        "a: error\nb: error\n");
}

TEST(NinjaOutput, WarningOfAStepThatSucceeded_IsKept) {
    EXPECT_EQ(CompilerMessages("a.cpp:1:2: warning: hm\n"), "a.cpp:1:2: warning: hm\n");
}

TEST(NinjaOutput, NothingToDo_IsSilent) {
    EXPECT_EQ(CompilerMessages("ninja: Entering directory `x'\nninja: no work to do.\n"), "");
    EXPECT_EQ(CompilerMessages(""), "");
}

TEST(NinjaOutput, NinjasOwnError_IsKept) {
    EXPECT_EQ(CompilerMessages("ninja: error: loading 'build.ninja'"),
              "ninja: error: loading 'build.ninja'\n");
}

TEST(NinjaOutput, MethodWithoutBody_NoteSaysHowToWriteIt) {
    const std::string messages = CompilerMessages(
        "FAILED: x.so \nclang++ -shared\nld.lld: error: undefined symbol: "
        "MyDriver::Start_Impl(IOService*)\n"
        "clang++-19: error: linker command failed with exit code 1 (use -v to see invocation)\n");
    EXPECT_THAT(messages, HasSubstr("IMPL(MyDriver, Start)"));
    EXPECT_THAT(messages, ::testing::Not(HasSubstr("linker command failed")));
}

TEST(NinjaOutput, WhatTheOriginalHasAndWeHaveNot_IsToldOnce) {
    const std::string messages = CompilerMessages(
        "a.cpp:2:1: error: unknown type name 'IODataQueueDispatchSource'\n"
        "a.cpp:3:1: error: unknown type name 'IODataQueueDispatchSource'\n"
        "a.cpp:4:1: error: no member named 'JoinPMTree' in 'IOService'\n");
    EXPECT_THAT(messages, HasSubstr("does not have IOService::JoinPMTree yet"));
    const std::string note = "does not have IODataQueueDispatchSource yet";
    EXPECT_NE(messages.find(note), std::string::npos);
    EXPECT_EQ(messages.find(note), messages.rfind(note));
}

TEST(NinjaOutput, Note_StandsBehindTheExcerptWithThePlaceOfItsError) {
    EXPECT_EQ(CompilerMessages("a.cpp:2:1: error: unknown type name 'IODataQueue'\n"
                               "    2 | IODataQueue *queue;\n      | ^\n1 error generated.\n"),
              "a.cpp:2:1: error: unknown type name 'IODataQueue'\n"
              "    2 | IODataQueue *queue;\n      | ^\n"
              "a.cpp:2:1: note: OpenDext does not have IODataQueue yet, if its name is right; "
              "docs/compatibility.md lists what it has\n1 error generated.\n");
}

TEST(NinjaOutput, IncludeThatIsNotFound_GetsTheOnlyHint) {
    const std::string messages = CompilerMessages(
        "A.iig:1:10: error: 'USBDriverKit/IOUSBHostPipe.iig' file not found; name the folder\n"
        "A.iig:2:1: error: unknown type name 'IOService'\n");
    EXPECT_THAT(messages, HasSubstr("A.iig:1:10: note: OpenDext does not have "
                                    "<USBDriverKit/IOUSBHostPipe.iig> yet"));
    EXPECT_THAT(messages, ::testing::Not(HasSubstr("IOService yet")));
    EXPECT_THAT(
        CompilerMessages("a.cpp:1:10: fatal error: 'USBDriverKit/IOUSBHostPipe.h' file not found"),
        HasSubstr("a.cpp:1:10: note: OpenDext does not have <USBDriverKit/IOUSBHostPipe.h> yet"));
}

TEST(NinjaOutput, HeaderOfAnAbsentFramework_ErrorNamesTheFrameworkOnce) {
    const std::string messages = CompilerMessages(
        "a.cpp:1:10: fatal error: 'AudioDriverKit/AudioDriverKit.h' file not found\n"
        "b.cpp:1:10: fatal error: 'AudioDriverKit/IOUserAudioDevice.h' file not found\n"
        "c.cpp:1:10: fatal error: 'DriverKit/Odd.h' file not found\n",
        {"DriverKit", "PCIDriverKit"});
    const std::string error =
        "a.cpp:1:10: error: OpenDext does not have AudioDriverKit yet; it has DriverKit, "
        "PCIDriverKit\n";
    EXPECT_THAT(messages, HasSubstr(error));
    EXPECT_EQ(messages.find("AudioDriverKit yet"), messages.rfind("AudioDriverKit yet"));
    EXPECT_THAT(messages, HasSubstr("note: OpenDext does not have <DriverKit/Odd.h> yet"));
}

TEST(NinjaOutput, ErrorsOfTheDriversOwnNames_GetNoHint) {
    EXPECT_THAT(CompilerMessages("a.cpp:1:10: fatal error: 'Mine.h' file not found\n"
                                 "a.cpp:2:1: error: use of undeclared identifier 'foo'\n"
                                 "a.cpp:3:1: error: no member named 'x' in 'MyDriver'\n"),
                ::testing::Not(HasSubstr("note:")));
}

}  // namespace
}  // namespace opendext::toolchain
