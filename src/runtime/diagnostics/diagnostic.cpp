// SPDX-License-Identifier: Apache-2.0
#include "runtime/diagnostics/diagnostic.h"

#include <mutex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace opendext::diagnostics {

namespace {

/// A driver that does the same in ever new places is told of only so often.
constexpr size_t kMostReported = 1000;

struct Reported {
    std::mutex mutex;
    std::set<std::string> keys;  // guarded by mutex
};

Reported &TheReported() {
    static auto *reported = new Reported;  // for ever: drivers may outlive the destructors
    return *reported;
}

std::string KeyOf(const Occurrence &occurrence) {
    return fmt::format("{}:{}:{}:{:x}", NameOf(occurrence.id), occurrence.class_name,
                       occurrence.method, fmt::join(occurrence.place.frames, "-"));
}

std::string SubjectOf(const Occurrence &occurrence) {
    std::string text(occurrence.class_name);
    if (!occurrence.method.empty()) {
        text += fmt::format("::{}", occurrence.method);
    }
    if (occurrence.object != nullptr) {
        text += fmt::format(" (object {})", occurrence.object);
    }
    return text;
}

}  // namespace

std::string_view NameOf(DiagnosticId id) {
    switch (id) {
        case DiagnosticId::kOutMappingWritten:
            return "out-mapping-written";
        case DiagnosticId::kDmaPreparedAtRelease:
            return "dma-prepared-at-release";
        case DiagnosticId::kLeakedObject:
            return "leaked-object";
        case DiagnosticId::kNotCancelled:
            return "not-cancelled";
        case DiagnosticId::kStopWithoutSuper:
            return "stop-without-super";
        case DiagnosticId::kStartNotUndone:
            return "start-not-undone";
        case DiagnosticId::kWrongQueue:
            return "wrong-queue";
        case DiagnosticId::kTwoStructureOutputs:
            return "two-structure-outputs";
        case DiagnosticId::kUsedAfterFree:
            return "used-after-free";
    }
    return "";
}

std::string LinkOf(DiagnosticId id) {
    return fmt::format("docs/diagnostics.md#{}", NameOf(id));
}

bool IsFirst(const Occurrence &occurrence) {
    std::string key = KeyOf(occurrence);
    Reported &reported = TheReported();
    const std::lock_guard lock(reported.mutex);
    return reported.keys.size() < kMostReported && reported.keys.insert(std::move(key)).second;
}

void Report(const Occurrence &occurrence, std::string_view what, std::string_view fix) {
    std::string place = occurrence.place.DescribeWithLines();
    if (!place.empty()) {
        place = fmt::format(", {} {}", occurrence.place_word, place);
    }
    Log(occurrence.level, "[{}] {}: {}{}; {}; see {}", NameOf(occurrence.id), SubjectOf(occurrence),
        what, place, fix, LinkOf(occurrence.id));
}

void ForgetReported() {
    Reported &reported = TheReported();
    const std::lock_guard lock(reported.mutex);
    reported.keys.clear();
}

}  // namespace opendext::diagnostics
