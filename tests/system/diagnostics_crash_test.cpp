// SPDX-License-Identifier: Apache-2.0
// Misuse that ends the driver's process, and what the log says before: docs/diagnostics.md.
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "channel/wire/call.h"
#include "tests/system/diagnostics_test.h"

namespace opendext::rig {

namespace {

#if __has_feature(thread_sanitizer)
constexpr bool kIsTold = false;
#else
constexpr bool kIsTold = true;
#endif
#if __has_feature(address_sanitizer)
constexpr bool kFreedIsTold = false;
#else
constexpr bool kFreedIsTold = kIsTold;
#endif

class DiagnosticsOfCrashesTest : public DiagnosticsTest {
protected:
    /// The call ends the driver's process, in the embedded form the test's own, with a line of `id` that has `parts`.
    void ExpectCrash(const std::function<kern_return_t()> &call, DiagnosticId id,
                     const std::vector<std::string> &parts) {
        if (GetParam() == RigVariant::kEmbedded) {
            GTEST_FLAG_SET(death_test_style, "threadsafe");
            const auto ends = [&](const std::string &text) { return HasAll(text, id, parts); };
            EXPECT_DEATH(
                {
                    SetLogSink({});
                    static_cast<void>(call());
                },
                testing::Truly(ends));
            return;
        }
        EXPECT_EQ(call(), channel::kMigServerDied);
        EXPECT_TRUE(log().WaitFor("died of signal"));
        EXPECT_TRUE(HasAll(log().Text(), id, parts)) << log().Text();
        EXPECT_EQ(DiagnosticLines(log()).size(), 1U) << log().Text();
    }

private:
    static bool HasAll(const std::string &text, DiagnosticId id,
                       const std::vector<std::string> &parts) {
        bool has_all = text.contains("; see " + diagnostics::LinkOf(id));
        for (const std::string &part : parts) {
            has_all = has_all && text.contains(part);
        }
        return has_all;
    }
};

TEST_P(DiagnosticsOfCrashesTest, WriteIntoAReadOnlyMapping_NamesTheMapping) {
    if (!kIsTold) {
        GTEST_SKIP() << "the sanitizer does not let the handler tell";
    }
    const std::vector<uint8_t> input(5000, 1);
    ExpectCrash(
        [&] {
            return IOConnectCallStructMethod(connection_.get(), kMisuseWriteInput, input.data(),
                                             input.size(), nullptr, nullptr);
        },
        DiagnosticId::kOutMappingWritten,
        {"at byte 16 of a read-only mapping of 5000 bytes made in MisuseClient::WriteInput(",
         ", in MisuseClient::WriteInput(IOUserClientMethodArguments*) at MisuseClient.cpp:",
         "kIOMemoryDirectionOut", "make the descriptor with"});
}

TEST_P(DiagnosticsOfCrashesTest, IvarsReadAfterFree_NamesTheObject) {
    if (!kFreedIsTold) {
        GTEST_SKIP() << "the sanitizer tells";
    }
    ExpectCrash(
        [&] { return Ask(kMisuseReadFreed); }, DiagnosticId::kUsedAfterFree,
        {"MisuseCounter (object", "at offset 0x8", "it was freed in MisuseCounter::free()",
         "from MisuseClient::UseFreed(", "in MisuseCounter::Value() at MisuseCounter.cpp:"});
}

TEST_P(DiagnosticsOfCrashesTest, ReleaseAfterFree_NamesTheObject) {
    if (!kFreedIsTold) {
        GTEST_SKIP() << "the sanitizer tells";
    }
    ExpectCrash([&] { return Ask(kMisuseReleaseFreed); }, DiagnosticId::kUsedAfterFree,
                {"MisuseCounter (object", "it is released once too often",
                 "it was freed in MisuseCounter::free() at MisuseCounter.cpp:",
                 "from MisuseClient::UseFreed(bool) at MisuseClient.cpp:"});
}

OPENDEXT_BOTH_VARIANTS(DiagnosticsOfCrashesTest);

}  // namespace

}  // namespace opendext::rig
