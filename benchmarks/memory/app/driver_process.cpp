// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/driver_process.h"

#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

namespace opendext::bench {

namespace {

std::filesystem::path FolderOf(pid_t process) {
    return std::filesystem::path("/proc") / std::to_string(process);
}

std::string CommandOf(pid_t process) {
    std::string command;
    std::ifstream stream(FolderOf(process) / "comm");
    std::getline(stream, command);
    return command;
}

/// 0 when the process is gone.
pid_t ParentOf(pid_t process) {
    std::ifstream stream(FolderOf(process) / "status");
    std::string line;
    constexpr std::string_view kKey = "PPid:\t";
    while (std::getline(stream, line)) {
        if (line.starts_with(kKey)) {
            pid_t parent = 0;
            std::from_chars(line.data() + kKey.size(), line.data() + line.size(), parent);
            return parent;
        }
    }
    return 0;
}

bool IsDescendant(pid_t process, pid_t ancestor) {
    while (process > 1 && process != ancestor) {
        process = ParentOf(process);
    }
    return process == ancestor;
}

}  // namespace

std::expected<pid_t, std::string> FindDriverProcess() {
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        pid_t process = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), process);
        if (parsed.ptr == name.data() + name.size() && CommandOf(process) == "opendext-host" &&
            IsDescendant(process, getppid())) {
            return process;
        }
    }
    return std::unexpected("no opendext-host is running next to this program");
}

ProcessHoldings HoldingsOf(pid_t process) {
    ProcessHoldings holdings;
    std::error_code error;
    const std::filesystem::directory_iterator descriptors(FolderOf(process) / "fd", error);
    if (!error) {
        holdings.num_descriptors =
            static_cast<uint64_t>(std::distance(begin(descriptors), end(descriptors)));
    }
    std::ifstream maps(FolderOf(process) / "maps");
    holdings.num_mappings = static_cast<uint64_t>(
        std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
    uint64_t num_pages = 0;
    uint64_t num_resident_pages = 0;
    std::ifstream(FolderOf(process) / "statm") >> num_pages >> num_resident_pages;
    holdings.num_resident_bytes = num_resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    return holdings;
}

}  // namespace opendext::bench
