// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/project/source_place.h"

namespace opendext::toolchain {

/// One line of a build configuration: NAME[sdk=driverkit*] = value. A value of a list is its elements with blanks
/// between them; elements that hold blanks are quoted or escaped, as Xcode writes them.
struct SettingAssignment {
    struct Condition {
        std::string key;      ///< sdk, arch, config or variant.
        std::string pattern;  ///< As of a shell: driverkit*.
    };
    std::string name;
    std::vector<Condition> conditions;  ///< All must hold.
    std::string value;                  ///< With its references to other settings.
    SourcePlace place;
};

/// NAME[key=pattern,key=pattern][key=pattern] taken apart, with neither value nor place. The error says what is
/// wrong with it.
[[nodiscard]] std::expected<SettingAssignment, std::string> ParseSettingName(std::string_view text);

/// What conditions are compared with.
struct SettingContext {
    std::string sdk;  ///< driverkit24.0, macosx15.0
    std::string arch;
    std::string configuration;
};

/// The build settings of a target: levels that override each other, as defaults, the project, the target. Values
/// refer to other settings, $(NAME), ${NAME}, $NAME, with modifiers and in names ($(A_$(B))), and to what they
/// override, $(inherited). A setting that is not there is empty, as in Xcode.
/// A reference that leads back to itself, and a value beyond 1 MiB, is an error with the place of the assignment.
class SettingLevels {
public:
    explicit SettingLevels(SettingContext context) : context_(std::move(context)) {}

    /// A level that overrides those before it. Of two assignments of a name within one, the later overrides the
    /// earlier, and one with conditions that hold overrides one without.
    void Add(const std::vector<SettingAssignment> &level);
    /// Names whose values are one word in a list, blanks or not: paths that the build defines.
    void AddText(const std::string &name, std::string value);

    /// The value of a setting as one text.
    [[nodiscard]] std::expected<std::string, std::string> Text(std::string_view name) const;
    /// The value of a setting that is a list: words, with quotes and backslashes taken off.
    [[nodiscard]] std::expected<std::vector<std::string>, std::string> Words(
        std::string_view name) const;
    /// Any text with references, and a list of words in it.
    [[nodiscard]] std::expected<std::string, std::string> Expand(std::string_view text) const;
    [[nodiscard]] std::expected<std::vector<std::string>, std::string> ExpandWords(
        std::string_view text) const;

    /// Where the assignment stands that gives `name` its value; without a file when there is none.
    [[nodiscard]] SourcePlace PlaceOf(std::string_view name) const;
    /// All names that have a value, sorted.
    [[nodiscard]] std::vector<std::string> Names() const;
    [[nodiscard]] const SettingContext &context() const { return context_; }

private:
    friend class SettingEvaluation;

    struct Value {
        SettingAssignment assignment;
        bool is_text = false;
    };

    SettingContext context_;
    /// Of each name, from the one that counts to the one that is overridden most.
    std::map<std::string, std::vector<Value>, std::less<>> chains_;
};

}  // namespace opendext::toolchain
