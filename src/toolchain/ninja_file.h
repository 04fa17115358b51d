// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opendext::toolchain {

/// Text of a build file for ninja, which runs the steps, in parallel and only those that are due.
class NinjaFile {
public:
    /// A command under a name. `depfile`: where it writes what it has read, in Makefile form; may be empty.
    void AddRule(std::string_view name, std::string_view command, std::string_view description,
                 std::string_view depfile);

    struct Step {
        std::string rule;
        std::vector<std::string> outputs;
        std::vector<std::string> inputs;
        std::vector<std::string> implicit;    ///< Due when these change, but not in $in.
        std::vector<std::string> order_only;  ///< Must exist first.
    };
    void AddStep(const Step &step);

    /// A variable of the step that was added last.
    void AddVariable(std::string_view name, std::string_view value);

    [[nodiscard]] const std::string &text() const { return text_; }

    /// A path as ninja wants it in a build line.
    [[nodiscard]] static std::string Escaped(std::string_view path);

    /// A text as the value of a variable that ninja itself reads.
    [[nodiscard]] static std::string Literal(std::string_view text);

    /// A word as the shell wants it in a command, with ninja's own $ doubled.
    [[nodiscard]] static std::string Quoted(std::string_view word);
    /// Words, each Quoted, with blanks between them.
    [[nodiscard]] static std::string QuotedAll(const std::vector<std::string> &words);

private:
    std::string text_ = "ninja_required_version = 1.10\n";
};

}  // namespace opendext::toolchain
