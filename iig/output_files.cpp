// SPDX-License-Identifier: Apache-2.0
#include "iig/output_files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include <unistd.h>

#include <fmt/format.h>

namespace opendext::iig {

namespace {

std::string TemporaryPath(const std::string &path) {
    return fmt::format("{}.{}.tmp", path, ::getpid());
}

std::optional<std::string> WriteTemporary(const OutputFile &file) {
    errno = 0;
    std::ofstream stream(TemporaryPath(file.path), std::ios::binary | std::ios::trunc);
    stream << file.content;
    stream.close();
    if (stream.fail()) {
        return fmt::format(
            "cannot write '{}': {}; name a place in a folder that exists and may be written",
            file.path, std::strerror(errno));
    }
    return std::nullopt;
}

// Build tools drop `..` from a path without looking, which is wrong behind a link to a folder.
std::string WithoutParentFolders(const std::string &path) {
    if (!path.contains("..")) {
        return path;
    }
    std::error_code error;
    const std::filesystem::path resolved = std::filesystem::canonical(path, error);
    return error ? path : resolved.string();
}

void AppendEscaped(std::string &text, const std::string &path) {
    for (const char c : path) {
        if (c == ' ' || c == '#' || c == '\\') {
            text += '\\';
        } else if (c == '$') {
            text += '$';
        }
        text += c;
    }
}

}  // namespace

std::expected<std::string, std::string> ReadWholeFile(const std::string &path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        return std::unexpected(fmt::format("cannot read '{}': it is a folder", path));
    }
    errno = 0;
    std::ifstream stream(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream) {
        return std::unexpected(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
    }
    return text;
}

std::optional<std::string> WriteOutputs(const std::vector<OutputFile> &files) {
    std::optional<std::string> problem;
    for (const OutputFile &file : files) {
        if (!problem) {
            problem = WriteTemporary(file);
        }
    }
    for (const OutputFile &file : files) {
        const std::string temporary = TemporaryPath(file.path);
        if (!problem && std::rename(temporary.c_str(), file.path.c_str()) != 0) {
            problem = fmt::format("cannot write '{}': {}", file.path, std::strerror(errno));
        }
        if (problem) {
            std::remove(temporary.c_str());
        }
    }
    return problem;
}

std::string DependencyRule(const std::vector<std::string> &outputs,
                           const std::vector<std::string> &inputs) {
    std::string text;
    for (const std::string &output : outputs) {
        text += text.empty() ? "" : " ";
        AppendEscaped(text, output);
    }
    text += ":";
    for (const std::string &input : inputs) {
        text += " \\\n  ";
        AppendEscaped(text, WithoutParentFolders(input));
    }
    text += "\n";
    return text;
}

}  // namespace opendext::iig
