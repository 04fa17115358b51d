// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/results.h"

#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace opendext::bench {

std::string_view NameOf(BufferUse use) {
    return use == BufferUse::kOneShot ? "oneshot" : "reused";
}

std::string SizeName(uint64_t num_bytes) {
    constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    while (num_bytes >= 1024 && num_bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
        num_bytes /= 1024;
        ++unit;
    }
    return fmt::format("{}{}", num_bytes, kUnits[unit]);
}

const std::vector<WayName> &AllWays() {
    static const std::vector<WayName> ways = {
        {"in", "in"},
        {"in_read", "in, read"},
        {"out", "out"},
        {"out_filled", "out, filled"},
        {"client_snapshot", "client, snapshot"},
        {"client_shared", "client, shared"},
        {"memcpy", "memcpy"},
        {"memcpy_rotating", "memcpy, rotating"},
        {"process_vm_readv", "process_vm_readv"},
        {"fuse_write", "FUSE write"},
    };
    return ways;
}

const Transfer *MemoryResults::Find(std::string_view way, BufferUse use, uint64_t num_bytes) const {
    const auto found = std::ranges::find_if(transfers, [&](const Transfer &transfer) {
        return transfer.way == way && transfer.use == use && transfer.num_bytes == num_bytes;
    });
    return found == transfers.end() ? nullptr : &*found;
}

std::optional<double> MemoryResults::Figure(const std::string &key) const {
    const auto found = figures.find(key);
    return found == figures.end() ? std::nullopt : std::optional(found->second);
}

bool MemoryResults::Write(int fd) const {
    nlohmann::json json = {{"figures", figures}, {"notes", notes}, {"transfers", nullptr}};
    json["transfers"] = nlohmann::json::array();
    for (const Transfer &transfer : transfers) {
        json["transfers"].push_back({transfer.way, transfer.use == BufferUse::kReused,
                                     transfer.num_bytes, transfer.median_ns, transfer.p99_ns,
                                     transfer.num_samples});
    }
    const std::string text = json.dump();
    return pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

bool MemoryResults::Read(int fd) {
    struct stat status = {};
    if (fstat(fd, &status) != 0) {
        return false;
    }
    std::string text(static_cast<size_t>(status.st_size), '\0');
    if (pread(fd, text.data(), text.size(), 0) != status.st_size) {
        return false;
    }
    try {
        const auto json = nlohmann::json::parse(text);
        figures.merge(json.at("figures").get<std::map<std::string, double>>());
        notes.merge(json.at("notes").get<std::map<std::string, std::string>>());
        for (const auto &row : json.at("transfers")) {
            transfers.push_back({.way = row.at(0),
                                 .use = row.at(1) ? BufferUse::kReused : BufferUse::kOneShot,
                                 .num_bytes = row.at(2),
                                 .median_ns = row.at(3),
                                 .p99_ns = row.at(4),
                                 .num_samples = row.at(5)});
        }
    } catch (const nlohmann::json::exception &) {
        return false;
    }
    return true;
}

}  // namespace opendext::bench
