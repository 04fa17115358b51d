// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/many_dexts.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/driver/application.h"
#include "benchmarks/driver/scratch_folder.h"

namespace opendext::bench {

namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path &file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void ReplaceAll(std::string &text, const std::string &from, const std::string &to) {
    for (size_t at = text.find(from); at != std::string::npos;
         at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

// The same driver under an identifier of its own: files of its own, so nothing is shared that would not be shared by
// different drivers.
std::expected<void, std::string> CopyDext(const fs::path &original, const std::string &identifier,
                                          const fs::path &copy, const std::string &new_identifier) {
    std::error_code error;
    fs::create_directories(copy, error);
    for (const fs::directory_entry &file : fs::directory_iterator(original, error)) {
        std::string name = file.path().filename().string();
        ReplaceAll(name, identifier, new_identifier);
        fs::copy_file(file.path(), copy / name, error);
    }
    std::string plist = ReadFile(original / "Info.plist");
    ReplaceAll(plist, identifier, new_identifier);
    std::ofstream(copy / "Info.plist", std::ios::binary) << plist;
    if (error || !plist.contains(new_identifier)) {
        return std::unexpected(fmt::format("{}: cannot be copied", original.string()));
    }
    return {};
}

}  // namespace

std::expected<nlohmann::ordered_json, std::string> MeasureManyDexts(const BuildLocation &build,
                                                                    unsigned num_dexts,
                                                                    unsigned num_clients) {
    const ScratchFolder folder;
    std::vector<std::string> dexts;
    for (unsigned i = 0; i < num_dexts; ++i) {
        const std::string identifier = fmt::format("org.example.Bench{}", i);
        const fs::path dext = folder.path() / (identifier + ".dext");
        if (const auto done =
                CopyDext(build.assets / "Bench.dext", "org.example.Bench", dext, identifier);
            !done) {
            return std::unexpected(done.error());
        }
        dexts.push_back(dext.string());
    }
    return RunDriverApplication(build, dexts,
                                {"dexts", std::to_string(num_dexts), std::to_string(num_clients)});
}

}  // namespace opendext::bench
