// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/machine.h"

#include <sys/utsname.h>
#include <unistd.h>
#include <fstream>
#include <string_view>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

std::string ProcessorName() {
    constexpr std::string_view kKey = "model name\t: ";
    std::ifstream stream("/proc/cpuinfo");
    std::string line;
    while (std::getline(stream, line)) {
        if (line.starts_with(kKey)) {
            return line.substr(kKey.size());
        }
    }
    return "unknown processor";
}

}  // namespace

std::string DescribeMachine() {
    utsname system = {};
    uname(&system);
    const double num_bytes =
        static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
    return fmt::format("{} ({}), {} cores, {:.0f} GiB, {} {}", ProcessorName(), system.machine,
                       sysconf(_SC_NPROCESSORS_ONLN), num_bytes / (1 << 30), system.sysname,
                       system.release);
}

}  // namespace opendext::bench
