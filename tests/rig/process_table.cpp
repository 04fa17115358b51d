// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/process_table.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

namespace opendext::rig {

namespace {

// Empty when the process ends meanwhile: reading then fails, which iterators over the stream would throw.
std::string ReadAll(const std::filesystem::path &file) {
    std::ifstream stream(file);
    std::string text;
    std::array<char, 4096> part = {};
    do {
        stream.read(part.data(), part.size());
        text.append(part.data(), static_cast<size_t>(stream.gcount()));
    } while (stream);
    return text;
}

// State and parent follow the name, which is in parentheses and may hold anything.
bool IsLivingChild(const std::string &stat, pid_t parent) {
    const size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) {
        return false;
    }
    std::istringstream rest(stat.substr(name_end + 1));
    char state = 0;
    pid_t its_parent = 0;
    rest >> state >> its_parent;
    return its_parent == parent && state != 'Z' && state != 'X';
}

}  // namespace

std::vector<pid_t> ChildrenOf(pid_t parent) {
    std::vector<pid_t> children;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        const bool is_process =
            std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
        if (is_process && IsLivingChild(ReadAll(entry.path() / "stat"), parent)) {
            children.push_back(std::stoi(name));
        }
    }
    return children;
}

std::string CommandLineOf(pid_t process) {
    std::string line = ReadAll(fmt::format("/proc/{}/cmdline", process));
    std::ranges::replace(line, '\0', ' ');
    return line;
}

size_t CountDescriptors(pid_t process) {
    std::error_code error;
    const std::filesystem::directory_iterator entries(fmt::format("/proc/{}/fd", process), error);
    return error ? 0 : static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

size_t CountMappings(pid_t process, const std::string &text) {
    std::istringstream lines(ReadAll(fmt::format("/proc/{}/maps", process)));
    std::string line;
    size_t count = 0;
    while (std::getline(lines, line)) {
        count += line.contains(text);
    }
    return count;
}

}  // namespace opendext::rig
