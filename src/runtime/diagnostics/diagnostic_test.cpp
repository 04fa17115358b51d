// SPDX-License-Identifier: Apache-2.0
#include "runtime/diagnostics/diagnostic.h"

#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace opendext::diagnostics {
namespace {

/// The log while it lives.
class Lines {
public:
    Lines() {
        SetLogSink([this](LogLevel, std::string_view line) {
            const std::lock_guard lock(mutex_);
            lines_.emplace_back(line);
        });
    }
    ~Lines() { SetLogSink({}); }
    Lines(const Lines &) = delete;
    Lines &operator=(const Lines &) = delete;

    [[nodiscard]] std::vector<std::string> all() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;  // guarded by mutex_
};

std::set<std::string> HeadingsOf(const std::string &file) {
    std::set<std::string> headings;
    std::ifstream input(file);
    for (std::string line; std::getline(input, line);) {
        if (line.starts_with("## ")) {
            headings.insert(line.substr(3));
        }
    }
    return headings;
}

TEST(Diagnostic, Line_NamesAllThereIs) {
    Lines lines;
    const int object = 0;
    Report({.id = DiagnosticId::kWrongQueue,
            .class_name = "Driver",
            .object = &object,
            .method = "Send",
            .place = {}},
           "it runs elsewhere", "run it here");
    ASSERT_EQ(lines.all().size(), 1U);
    EXPECT_EQ(lines.all()[0],
              fmt::format("[wrong-queue] Driver::Send (object {}): it runs elsewhere; run it here; "
                          "see docs/diagnostics.md#wrong-queue",
                          fmt::ptr(&object)));
}

TEST(Diagnostic, SameOccurrence_IsFirstOnceUntilForgotten) {
    ForgetReported();
    Occurrence occurrence{.id = DiagnosticId::kLeakedObject, .class_name = "A", .place = {}};
    EXPECT_TRUE(IsFirst(occurrence));
    EXPECT_FALSE(IsFirst(occurrence));
    occurrence.place.frames[0] = 1;
    EXPECT_TRUE(IsFirst(occurrence));
    occurrence.method = "B";
    EXPECT_TRUE(IsFirst(occurrence));
    ForgetReported();
    EXPECT_TRUE(IsFirst(occurrence));
}

TEST(Diagnostic, EveryLink_NamesAHeadingOfThePage) {
    const std::set<std::string> headings =
        HeadingsOf(std::string(OPENDEXT_SOURCE_DIR) + "/docs/diagnostics.md");
    std::set<std::string> names;
    for (const DiagnosticId id : kAllDiagnostics) {
        const std::string link = LinkOf(id);
        const std::string heading = link.substr(link.find('#') + 1);
        EXPECT_TRUE(link.starts_with("docs/diagnostics.md#"));
        EXPECT_TRUE(headings.contains(heading)) << heading;
        EXPECT_TRUE(names.insert(heading).second) << heading;
    }
    EXPECT_EQ(names.size(), 9U);
}

}  // namespace
}  // namespace opendext::diagnostics
