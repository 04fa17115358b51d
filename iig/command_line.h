// SPDX-License-Identifier: Apache-2.0
// The command line of iig.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::iig {

struct CommandLine {
    bool is_help = false;
    std::string definition;              // --def
    std::string header;                  // --header
    std::string implementation;          // --impl
    std::string framework;               // --framework, or empty
    std::string dependencies;            // --depfile, or empty
    std::string dependency_target;       // -MT: what depends, instead of the outputs; or empty
    std::vector<std::string> arguments;  // For the C++ parser.
};

// One line that says what is wrong, on error.
std::expected<CommandLine, std::string> ReadCommandLine(const std::vector<std::string> &words);

std::string_view HelpText();

}  // namespace opendext::iig
