// SPDX-License-Identifier: Apache-2.0
#include "runtime/diagnostics/call_site.h"

#include <string>

#include <gtest/gtest.h>

#include "runtime/diagnostics/driver_images.h"

namespace opendext::diagnostics {
namespace {

/// Stands for a method of the runtime: asks who called it.
struct Runtime {
    [[gnu::noinline]] CallSite Ask() {
        CallSite site = CallSite::CallersOf(&Runtime::Ask);
        asm volatile("" ::: "memory");  // not a tail call
        return site;
    }
};

[[gnu::noinline]] CallSite AskFromHere() {
    CallSite site = Runtime().Ask();
    asm volatile("" ::: "memory");
    return site;
}

[[gnu::noinline]] CallSite AskFromThere() {
    CallSite site = Runtime().Ask();
    asm volatile("" ::: "memory");
    return site;
}

TEST(CallSite, Callers_AreThoseOfTheFunction) {
    const CallSite here = AskFromHere();
    const CallSite there = AskFromThere();
    const auto here_start = reinterpret_cast<uintptr_t>(&AskFromHere);
    EXPECT_GT(here.frames[0], here_start);
    EXPECT_LT(here.frames[0], here_start + 4096);
    EXPECT_NE(here.frames[0], there.frames[0]);
    EXPECT_NE(here.frames[2], 0U);
    EXPECT_NE(here.Describe().find("opendext_diagnostics_test+0x"), std::string::npos)
        << here.Describe();
    EXPECT_NE(here.Describe().find(" from "), std::string::npos);
}

TEST(CallSite, FunctionThatDidNotCall_HasNoCallers) {
    const CallSite site = CallSite::CallersOf(reinterpret_cast<uintptr_t>(&AskFromHere));
    EXPECT_EQ(site.frames[0], 0U);
    EXPECT_EQ(site.Describe(), "");
}

TEST(CallSite, Lines_AreThoseOfTheCalls) {
    const std::string text = AskFromHere().DescribeWithLines();
    EXPECT_NE(text.find("AskFromHere() at call_site_test.cpp:"), std::string::npos) << text;
}

TEST(CallSite, DriverCode_IsFoundWhileItsImageIsKnown) {
    EXPECT_FALSE(CallSite::OfDriver().is_known());
    AddDriverImage(reinterpret_cast<const void *>(&AskFromHere));
    const CallSite site = CallSite::OfDriver();
    EXPECT_TRUE(IsDriverCode(site.frames[0]));
    RemoveDriverImage(reinterpret_cast<const void *>(&AskFromHere));
    EXPECT_FALSE(CallSite::OfDriver().is_known());
    EXPECT_FALSE(IsDriverCode(site.frames[0]));
}

}  // namespace
}  // namespace opendext::diagnostics
