// SPDX-License-Identifier: Apache-2.0
#include "toolchain/ninja_output.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace opendext::toolchain {

namespace {

constexpr std::string_view kFailedStep = "FAILED: ";

bool IsRemark(std::string_view line) {
    constexpr std::array<std::string_view, 3> kOfNinja = {
        "ninja: build stopped: ", "ninja: no work to do.", "ninja: Entering directory "};
    const bool is_of_ninja = std::ranges::any_of(
        kOfNinja, [line](std::string_view start) { return line.starts_with(start); });
    return is_of_ninja ||
           line.find("error: linker command failed with exit code") != std::string_view::npos;
}

// For the linker's complaint about `Class::Method_Impl(...)`, else empty.
std::string MissingBodyNote(std::string_view line) {
    constexpr std::string_view kUndefined = "error: undefined symbol: ";
    const size_t start = line.find(kUndefined);
    const size_t end = line.find("_Impl(");
    if (start == std::string_view::npos || end == std::string_view::npos) {
        return {};
    }
    const std::string_view name =
        line.substr(start + kUndefined.size(), end - start - kUndefined.size());
    const size_t colons = name.rfind("::");
    if (colons == std::string_view::npos) {
        return {};
    }
    return fmt::format(
        "note: an .iig declares {0}; write its body, IMPL({1}, {2}), in a .cpp of the dext\n", name,
        name.substr(0, colons), name.substr(colons + 2));
}

// What stands between `before` and the next quote, or empty.
std::string_view QuotedAfter(std::string_view line, std::string_view before) {
    const size_t found = line.find(before);
    if (found == std::string_view::npos) {
        return {};
    }
    const std::string_view rest = line.substr(found + before.size());
    const size_t end = rest.find('\'');
    return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

bool IsOfTheSystem(std::string_view name) {
    constexpr std::array<std::string_view, 4> kPrefixes = {"IO", "OS", "kIO", "kOS"};
    return std::ranges::any_of(
        kPrefixes, [name](std::string_view prefix) { return name.starts_with(prefix); });
}

bool IsMissingInclude(std::string_view line) {
    return line.find("error: '") != std::string_view::npos &&
           line.find("' file not found") != std::string_view::npos;
}

// The header, class, method or constant of the original that an error complains about, or empty.
std::string AbsentName(std::string_view line) {
    if (IsMissingInclude(line)) {
        const std::string_view header = QuotedAfter(line, "error: '");
        return header.find("DriverKit/") != std::string_view::npos ? fmt::format("<{}>", header)
                                                                   : std::string();
    }
    for (const std::string_view complaint :
         {std::string_view("error: use of undeclared identifier '"),
          std::string_view("error: unknown type name '"),
          std::string_view("error: unknown class name '")}) {
        const std::string_view name = QuotedAfter(line, complaint);
        if (IsOfTheSystem(name)) {
            return std::string(name);
        }
    }
    const std::string_view member = QuotedAfter(line, "error: no member named '");
    const std::string_view owner = QuotedAfter(line, "' in '");
    return !member.empty() && IsOfTheSystem(owner) ? fmt::format("{}::{}", owner, member)
                                                   : std::string();
}

// "FILE:LINE:COLUMN: " of a compiler's message, or empty.
std::string_view PlaceOf(std::string_view line) {
    const size_t error = line.find(" error: ");
    const size_t fatal = line.find(" fatal error: ");
    const size_t end = std::min(error, fatal);
    return end == std::string_view::npos ? std::string_view() : line.substr(0, end + 1);
}

// The framework of the header that an error complains about, when it is one of the original's that is not in
// `frameworks`; else empty.
std::string_view AbsentFramework(std::string_view line,
                                 const std::vector<std::string> &frameworks) {
    if (!IsMissingInclude(line)) {
        return {};
    }
    const std::string_view header = QuotedAfter(line, "error: '");
    const std::string_view name = header.substr(0, std::min(header.find('/'), header.size()));
    const bool is_absent = name.size() < header.size() && name.ends_with("DriverKit") &&
                           !frameworks.empty() &&
                           std::ranges::find(frameworks, name) == frameworks.end();
    return is_absent ? name : std::string_view();
}

std::string AbsentNote(std::string_view line, const std::vector<std::string> &frameworks,
                       std::set<std::string> &told) {
    if (const std::string_view framework = AbsentFramework(line, frameworks); !framework.empty()) {
        return told.emplace(framework).second
                   ? fmt::format("{}error: OpenDext does not have {} yet; it has {}\n",
                                 PlaceOf(line), framework, fmt::join(frameworks, ", "))
                   : std::string();
    }
    const std::string name = AbsentName(line);
    if (name.empty() || !told.insert(name).second) {
        return {};
    }
    return fmt::format(
        "{}note: OpenDext does not have {} yet, if its name is right; docs/compatibility.md lists "
        "what it has\n",
        PlaceOf(line), name);
}

// Whether another message begins here: the lines in between show its place.
bool BeginsMessage(std::string_view line) {
    constexpr std::array<std::string_view, 4> kSeverities = {
        " error: ", " warning: ", " note: ", " generated."};
    return std::ranges::any_of(kSeverities, [line](std::string_view severity) {
        return line.find(severity) != std::string_view::npos;
    });
}

}  // namespace

std::string CompilerMessages(std::string_view ninja_output,
                             const std::vector<std::string> &frameworks) {
    std::string messages;
    std::set<std::string> told;
    std::string note;  // for the message whose place is being shown
    bool has_all_includes = true;
    bool is_command = false;  // the line after kFailedStep
    while (!ninja_output.empty()) {
        const size_t end = std::min(ninja_output.find('\n'), ninja_output.size());
        const std::string_view line = ninja_output.substr(0, end);
        ninja_output.remove_prefix(std::min(end + 1, ninja_output.size()));
        if (!is_command && !line.starts_with(kFailedStep) && !IsRemark(line)) {
            if (BeginsMessage(line)) {
                messages += std::exchange(note, {});
            }
            messages += fmt::format("{}\n{}", line, MissingBodyNote(line));
            // A file whose include is not found lacks names that we have.
            const bool is_include = IsMissingInclude(line);
            has_all_includes = has_all_includes && !is_include;
            note +=
                has_all_includes || is_include ? AbsentNote(line, frameworks, told) : std::string();
        }
        is_command = line.starts_with(kFailedStep);
    }
    return messages + note;
}

}  // namespace opendext::toolchain
