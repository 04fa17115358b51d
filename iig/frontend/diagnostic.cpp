// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/diagnostic.h"

#include <algorithm>

#include <fmt/format.h>

namespace opendext::iig {

namespace {

constexpr std::string_view SeverityName(Severity severity) {
    switch (severity) {
        case Severity::kNote:
            return "note";
        case Severity::kWarning:
            return "warning";
        case Severity::kError:
            return "error";
    }
    return "error";
}

// The line that holds `offset`, and a caret below; nothing for a line that a terminal cannot show.
std::string Excerpt(std::string_view source, const SourcePosition &position) {
    if (position.offset > source.size() || position.column == 0) {
        return {};
    }
    const size_t previous = source.substr(0, position.offset).rfind('\n');
    const size_t begin = previous == std::string_view::npos ? 0 : previous + 1;
    const std::string_view line = source.substr(begin, source.find('\n', begin) - begin);
    const auto is_shown = [](unsigned char c) { return c == '\t' || c >= ' '; };
    if (line.empty() || line.size() > 400 || position.column > line.size() + 1 ||
        !std::ranges::all_of(line, is_shown)) {
        return {};
    }
    std::string caret;
    for (const char c : line.substr(0, position.column - 1)) {
        caret += c == '\t' ? '\t' : ' ';
    }
    return fmt::format("{}\n{}^\n", line, caret);
}

}  // namespace

void DiagnosticList::Error(SourcePosition position, std::string message) {
    items_.push_back({Severity::kError, std::move(position), std::move(message)});
}

void DiagnosticList::Warning(SourcePosition position, std::string message) {
    items_.push_back({Severity::kWarning, std::move(position), std::move(message)});
}

bool DiagnosticList::HasErrors() const {
    return std::ranges::any_of(items_,
                               [](const Diagnostic &d) { return d.severity == Severity::kError; });
}

std::string FormatDiagnostic(const Diagnostic &diagnostic, std::string_view source_file,
                             std::string_view source) {
    const SourcePosition &at = diagnostic.position;
    const std::string_view severity = SeverityName(diagnostic.severity);
    if (at.file.empty() || at.line == 0) {
        return fmt::format("{}: {}: {}\n", at.file.empty() ? "iig" : at.file, severity,
                           diagnostic.message);
    }
    std::string text = fmt::format("{}:{}:{}: {}: {}\n", at.file, at.line, at.column, severity,
                                   diagnostic.message);
    if (at.file == source_file) {
        text += Excerpt(source, at);
    }
    return text;
}

}  // namespace opendext::iig
