// SPDX-License-Identifier: Apache-2.0
/// @file diagnostic.h
/// What a driver does wrong that crashes, leaks or panics on the original: one line each, with a name that stays, the
/// place and the way out. docs/diagnostics.md has a heading for each name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "runtime/diagnostics/call_site.h"

namespace opendext::diagnostics {

enum class DiagnosticId : uint8_t {
    kOutMappingWritten,     ///< A write to memory that is mapped read-only.
    kDmaPreparedAtRelease,  ///< An IODMACommand is freed with memory prepared.
    kLeakedObject,          ///< An object is left when its driver has ended.
    kNotCancelled,      ///< A source, action or queue outlives its service, or goes, uncancelled.
    kStopWithoutSuper,  ///< Stop succeeded and the base class's Stop never ran.
    kStartNotUndone,    ///< Start failed and has left something behind.
    kWrongQueue,        ///< A method runs on a queue that is not its own.
    kTwoStructureOutputs,  ///< structureOutput beside a structureOutputDescriptor.
    kUsedAfterFree,        ///< An object is used after its free().
};

inline constexpr std::array kAllDiagnostics = {
    DiagnosticId::kOutMappingWritten, DiagnosticId::kDmaPreparedAtRelease,
    DiagnosticId::kLeakedObject,      DiagnosticId::kNotCancelled,
    DiagnosticId::kStopWithoutSuper,  DiagnosticId::kStartNotUndone,
    DiagnosticId::kWrongQueue,        DiagnosticId::kTwoStructureOutputs,
    DiagnosticId::kUsedAfterFree,
};

/// "out-mapping-written" and so on.
[[nodiscard]] std::string_view NameOf(DiagnosticId id);

/// Where it is explained: "docs/diagnostics.md#out-mapping-written".
[[nodiscard]] std::string LinkOf(DiagnosticId id);

/// Who did it, to what, and where.
struct Occurrence {
    DiagnosticId id;
    std::string_view class_name;         ///< Of the object.
    const void *object = nullptr;        ///< Only printed; may be NULL.
    std::string_view method;             ///< May be empty.
    CallSite place;                      ///< May be empty.
    std::string_view place_word = "in";  ///< Goes before the place: "made in".
    LogLevel level = LogLevel::kWarning;
};

/// Whether this id has not been reported yet for the class, the method and the place. Ask before any work for Report;
/// from then on it has been. Any thread.
[[nodiscard]] bool IsFirst(const Occurrence &occurrence);

/// Logs the line: "[ID] CLASS::METHOD (at ADDRESS): WHAT, in PLACE; FIX; see LINK". Looks up source lines, which takes a
/// tenth of a second, so no lock is to be held. Any thread.
void Report(const Occurrence &occurrence, std::string_view what, std::string_view fix);

/// A driver has been unloaded: what has been reported may be reported anew.
void ForgetReported();

}  // namespace opendext::diagnostics
