// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/app/driver_processes.h"

#include <sys/types.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

struct Process {
    pid_t parent = 0;
    std::string program;
};

std::string ProgramOf(pid_t pid) {
    std::error_code error;
    return std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), error)
        .filename()
        .string();
}

pid_t ParentOf(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("PPid:")) {
            return std::stoi(line.substr(5));
        }
    }
    return 0;
}

std::map<pid_t, Process> Processes() {
    std::map<pid_t, Process> processes;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
            const pid_t pid = std::stoi(name);
            processes[pid] = {.parent = ParentOf(pid), .program = ProgramOf(pid)};
        }
    }
    return processes;
}

uint64_t PrivateBytes(pid_t pid) {
    std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
    uint64_t kib = 0;
    for (std::string line; std::getline(rollup, line);) {
        if (line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:")) {
            kib += std::stoull(line.substr(line.find(':') + 1));
        }
    }
    return kib << 10;
}

}  // namespace

std::vector<uint64_t> PrivateBytesOfDriverProcesses() {
    const std::map<pid_t, Process> processes = Processes();
    std::vector<uint64_t> bytes;
    for (const auto &[pid, process] : processes) {
        const auto registry = processes.find(process.parent);
        if (process.program == "opendext-host" && registry != processes.end() &&
            registry->second.parent == getppid()) {
            bytes.push_back(PrivateBytes(pid));
        }
    }
    return bytes;
}

}  // namespace opendext::bench
