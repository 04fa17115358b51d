// SPDX-License-Identifier: Apache-2.0
#include "toolchain/ninja_file.h"

namespace opendext::toolchain {

namespace {

void AppendPaths(const std::vector<std::string> &paths, std::string &text) {
    for (const std::string &path : paths) {
        text += " " + NinjaFile::Escaped(path);
    }
}

}  // namespace

void NinjaFile::AddRule(std::string_view name, std::string_view command,
                        std::string_view description, std::string_view depfile) {
    text_ += "rule ";
    text_ += name;
    text_ += "\n  command = ";
    text_ += command;
    text_ += "\n  description = ";
    text_ += description;
    text_ += "\n";
    if (!depfile.empty()) {
        text_ += "  depfile = ";
        text_ += depfile;
        text_ += "\n  deps = gcc\n";
    }
}

void NinjaFile::AddStep(const Step &step) {
    text_ += "build";
    AppendPaths(step.outputs, text_);
    text_ += ": " + step.rule;
    AppendPaths(step.inputs, text_);
    if (!step.implicit.empty()) {
        text_ += " |";
        AppendPaths(step.implicit, text_);
    }
    if (!step.order_only.empty()) {
        text_ += " ||";
        AppendPaths(step.order_only, text_);
    }
    text_ += "\n";
}

void NinjaFile::AddVariable(std::string_view name, std::string_view value) {
    text_ += "  ";
    text_ += name;
    text_ += " = ";
    text_ += value;
    text_ += "\n";
}

std::string NinjaFile::Escaped(std::string_view path) {
    std::string escaped;
    for (const char c : path) {
        if (c == '$' || c == ' ' || c == ':') {
            escaped.push_back('$');
        }
        escaped.push_back(c);
    }
    return escaped;
}

std::string NinjaFile::Literal(std::string_view text) {
    std::string literal;
    for (const char c : text) {
        literal += c == '$' ? "$$" : std::string(1, c);
    }
    return literal;
}

std::string NinjaFile::Quoted(std::string_view word) {
    std::string quoted = "'";
    for (const char c : word) {
        if (c == '\'') {
            quoted += "'\\''";
        } else if (c == '$') {
            quoted += "$$";
        } else {
            quoted.push_back(c);
        }
    }
    return quoted + "'";
}

std::string NinjaFile::QuotedAll(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words) {
        text += (text.empty() ? "" : " ") + Quoted(word);
    }
    return text;
}

}  // namespace opendext::toolchain
