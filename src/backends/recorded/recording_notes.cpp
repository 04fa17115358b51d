// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/recording_notes.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace opendext::backends {

namespace {

constexpr std::string_view kBeginning = "OpenDext: attached at ";
constexpr std::string_view kEnd = " speed";
// By UsbSpeed.
constexpr std::array<std::string_view, 5> kSpeeds = {"low", "full", "high", "super", "super-plus"};

}  // namespace

std::string MakeRecordingNote(UsbSpeed speed) {
    return fmt::format("{}{}{}", kBeginning, kSpeeds.at(static_cast<size_t>(speed)), kEnd);
}

bool IsRecordingNote(std::string_view comment) {
    return comment.starts_with(kBeginning);
}

std::optional<UsbSpeed> SpeedOfRecordingNote(std::string_view comment) {
    if (!IsRecordingNote(comment) || !comment.ends_with(kEnd)) {
        return std::nullopt;
    }
    const std::string_view name =
        comment.substr(kBeginning.size(), comment.size() - kBeginning.size() - kEnd.size());
    const auto *found = std::ranges::find(kSpeeds, name);
    if (found == kSpeeds.end()) {
        return std::nullopt;
    }
    return static_cast<UsbSpeed>(found - kSpeeds.begin());
}

}  // namespace opendext::backends
