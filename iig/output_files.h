// SPDX-License-Identifier: Apache-2.0
// Reading the input, and writing the outputs whole or not at all.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::iig {

struct OutputFile {
    std::string path;
    std::string content;
};

// The file's bytes, or why not.
std::expected<std::string, std::string> ReadWholeFile(const std::string &path);

// Writes every file beside its place first, then moves all into place. Why not, on failure; then files that
// were not reached are as they were, and nothing temporary is left.
std::optional<std::string> WriteOutputs(const std::vector<OutputFile> &files);

// A Makefile rule: `outputs` depend on `inputs`.
std::string DependencyRule(const std::vector<std::string> &outputs,
                           const std::vector<std::string> &inputs);

}  // namespace opendext::iig
