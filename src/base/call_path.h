// SPDX-License-Identifier: Apache-2.0
/// @file call_path.h
/// Code that every call goes through, fetched in one go by a thread that has slept.
///
/// After some milliseconds of idleness none of it is in a cache, and each line that is met costs some 150 ns, one after
/// another: most of what a call then takes. So it lies together in each image, in a section for the application's side
/// and one for the driver's:
///     #pragma clang section text = "opendext_call_app"     (or "opendext_call_driver")
///     functions
///     #pragma clang section text = ""
/// and FetchCallPath asks for all lines of a side at once, which costs as much as a few. What few calls need stays outside,
/// not inlined.
#pragma once

namespace opendext {

enum class CallSide { kApplication, kDriver };

/// Asks the processor for the code of a side in all images that have said where theirs is. Any thread; no system call.
void FetchCallPath(CallSide side);

/// Says where the sections of the image (a library, or a program with libraries in it) are that it is compiled into:
/// an object at namespace scope in one source of each library that may be an image's first.
class CallPathSections {
public:
    CallPathSections();
};

namespace internal {

/// NULL for an image that has no such section.
void AddCallPath(CallSide side, const char *begin, const char *end);

extern "C" {
// The linker makes these, for each image its own.
#define OPENDEXT_SECTION_BOUND [[gnu::weak, gnu::visibility("hidden")]]
OPENDEXT_SECTION_BOUND extern const char
    __start_opendext_call_app[];  // NOLINT(bugprone-reserved-identifier)
OPENDEXT_SECTION_BOUND extern const char
    __stop_opendext_call_app[];  // NOLINT(bugprone-reserved-identifier)
OPENDEXT_SECTION_BOUND extern const char
    __start_opendext_call_driver[];  // NOLINT(bugprone-reserved-identifier)
OPENDEXT_SECTION_BOUND extern const char
    __stop_opendext_call_driver[];  // NOLINT(bugprone-reserved-identifier)
#undef OPENDEXT_SECTION_BOUND
}

}  // namespace internal

// Inline and hidden: each image compiles its own, with its own bounds.
[[gnu::visibility("hidden")]] inline CallPathSections::CallPathSections() {
    internal::AddCallPath(CallSide::kApplication, internal::__start_opendext_call_app,
                          internal::__stop_opendext_call_app);
    internal::AddCallPath(CallSide::kDriver, internal::__start_opendext_call_driver,
                          internal::__stop_opendext_call_driver);
}

}  // namespace opendext
