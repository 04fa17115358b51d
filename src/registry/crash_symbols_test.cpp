// SPDX-License-Identifier: Apache-2.0
#include "registry/crash_symbols.h"

#include <dlfcn.h>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::registry {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The image's symbol table for the dynamic linker does not have it.
__attribute__((noinline)) int FunctionOfThisTest(int number) {
    return number * 7;
}

// A frame in it, as a driver process writes one that it knows no name for.
std::string FrameInFunctionOfThisTest() {
    Dl_info image = {};
    auto *const address = reinterpret_cast<void *>(&FunctionOfThisTest);
    EXPECT_NE(dladdr(address, &image), 0);
    return fmt::format(
        "{}+{:#x} ?\n", image.dli_fname,
        reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(image.dli_fbase));
}

TEST(CrashSymbolsTest, FunctionWithoutASymbol_HasItsNameFromTheDebugInformation) {
    EXPECT_EQ(FunctionOfThisTest(1), 7);
    const std::string text = SymbolizeCrashReport(FrameInFunctionOfThisTest());
    EXPECT_THAT(text, HasSubstr("FunctionOfThisTest(int) at crash_symbols_test.cpp:"));
}

TEST(CrashSymbolsTest, ImageWithoutDebugInformation_IsNamed) {
    EXPECT_EQ(SymbolizeCrashReport("/no/such/image+0x10 _ZN1A1fEi\n"),
              "A::f(int) in /no/such/image\n");
    EXPECT_EQ(SymbolizeCrashReport("/no/such/image+0x10 ?\n"), "? in /no/such/image\n");
}

TEST(CrashSymbolsTest, LineThatIsNoFrame_Stays) {
    EXPECT_EQ(SymbolizeCrashReport("thread 0x10\n"), "thread 0x10\n");
    EXPECT_THAT(SymbolizeCrashReport("thread 0x10\n" + FrameInFunctionOfThisTest()),
                StartsWith("thread 0x10\nopendext::registry::"));
}

TEST(CrashSymbolsTest, LineOfAPanicLog_StaysWhateverIsInIt) {
    const std::string line = "|   /no/such/image+0x10 _ZN1A1fEi\n";
    EXPECT_EQ(SymbolizeCrashReport(line), line);
    EXPECT_EQ(SymbolizeCrashReport("/no/such/image+0x10 f\n" + line),
              "f in /no/such/image\n" + line);
}

TEST(CrashSymbolsTest, FrameThatIsRepeated_IsCounted) {
    std::string report;
    for (int i = 0; i < 60; ++i) {
        report += "/no/such/image+0x10 f\n";
    }
    report += "/no/such/image+0x20 g\n/no/such/image+0x20 g\n";
    EXPECT_EQ(SymbolizeCrashReport(report),
              "f in /no/such/image\n(the same 59 times more)\n"
              "g in /no/such/image\ng in /no/such/image\n");
}

}  // namespace
}  // namespace opendext::registry
