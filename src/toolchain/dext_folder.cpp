// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_folder.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

struct Found {
    std::vector<path> iigs;
    std::vector<path> sources;
    std::vector<path> plists;
    std::vector<path> entitlements;
};

bool MentionsPersonalities(const path &file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    return text.find("IOKitPersonalities") != std::string::npos;
}

void Sort(const path &file, Found &found) {
    const std::string extension = file.extension().string();
    if (extension == ".iig") {
        found.iigs.push_back(file);
    } else if (extension == ".cpp" || extension == ".cc" || extension == ".cxx" ||
               extension == ".c") {
        found.sources.push_back(file);
    } else if (extension == ".plist" &&
               (file.filename() == "Info.plist" || MentionsPersonalities(file))) {
        found.plists.push_back(file);
    } else if (extension == ".entitlements") {
        found.entitlements.push_back(file);
    }
}

std::expected<void, std::string> Collect(const path &place, Found &found) {
    std::error_code error;
    if (std::filesystem::is_regular_file(place, error)) {
        Sort(std::filesystem::absolute(place).lexically_normal(), found);
        return {};
    }
    std::filesystem::directory_iterator entries(place, error);
    if (error) {
        return std::unexpected(
            fmt::format("{}: error: {}; give the folder that holds the driver's .iig, .cpp and "
                        "Info.plist",
                        place.string(), error.message()));
    }
    for (const auto &entry : entries) {
        if (entry.is_regular_file(error)) {
            Sort(std::filesystem::absolute(entry.path()).lexically_normal(), found);
        }
    }
    return {};
}

// A file may be named, and be in a folder that is given too.
void SortAndDropCopies(std::vector<path> &files) {
    std::ranges::sort(files);
    const auto copies = std::ranges::unique(files);
    files.erase(copies.begin(), copies.end());
}

std::string Names(const std::vector<path> &files) {
    std::vector<std::string> names;
    for (const path &file : files) {
        names.push_back(file.filename().string());
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

std::expected<path, std::string> ChooseInfoPlist(const path &folder,
                                                 const std::vector<path> &plists) {
    const auto info = std::ranges::find_if(
        plists, [](const path &file) { return file.filename() == "Info.plist"; });
    if (info != plists.end()) {
        return *info;
    }
    if (plists.size() == 1) {
        return plists.front();
    }
    return std::unexpected(
        plists.empty()
            ? fmt::format("{}: error: no Info.plist; a dext needs one with IOKitPersonalities",
                          folder.string())
            : fmt::format("{}: error: several property lists have IOKitPersonalities ({}); name "
                          "the driver's Info.plist",
                          folder.string(), Names(plists)));
}

}  // namespace

std::expected<void, std::string> CheckInterfaceNames(const std::vector<path> &iigs) {
    std::map<std::string, const path *> stems;
    for (const path &iig : iigs) {
        const auto [known, is_new] = stems.try_emplace(iig.stem().string(), &iig);
        if (!is_new) {
            return std::unexpected(
                fmt::format("{}: error: {} makes a header of the same name; rename one of them",
                            iig.string(), known->second->string()));
        }
    }
    return {};
}

std::expected<DextFolder, std::string> DextFolder::Scan(const path &place,
                                                        const std::vector<path> &additional,
                                                        const path &info_plist) {
    Found found;
    std::vector<path> places = {place};
    places.insert(places.end(), additional.begin(), additional.end());
    for (const path &source : places) {
        if (auto collected = Collect(source, found); !collected) {
            return std::unexpected(std::move(collected.error()));
        }
    }
    for (std::vector<path> *files :
         {&found.iigs, &found.sources, &found.plists, &found.entitlements}) {
        SortAndDropCopies(*files);
    }
    if (found.iigs.empty() || found.sources.empty()) {
        return std::unexpected(
            fmt::format("{}: error: no {} here; a dext has .iig files that declare its classes and "
                        ".cpp files that implement them",
                        place.string(), found.iigs.empty() ? ".iig file" : ".cpp file"));
    }
    if (auto checked = CheckInterfaceNames(found.iigs); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    auto plist = info_plist.empty() ? ChooseInfoPlist(place, found.plists)
                                    : std::expected<path, std::string>(
                                          std::filesystem::absolute(info_plist).lexically_normal());
    if (!plist) {
        return std::unexpected(std::move(plist.error()));
    }
    if (found.entitlements.size() > 1) {
        return std::unexpected(fmt::format(
            "{}: error: several .entitlements files ({}); choose one with --entitlements",
            place.string(), Names(found.entitlements)));
    }
    DextFolder dext;
    dext.folder = std::filesystem::absolute(place).lexically_normal();
    std::error_code error;
    if (std::filesystem::is_regular_file(dext.folder, error)) {
        dext.folder = dext.folder.parent_path();
    }
    dext.iigs = std::move(found.iigs);
    dext.sources = std::move(found.sources);
    dext.info_plist = *std::move(plist);
    if (!found.entitlements.empty()) {
        dext.entitlements = found.entitlements.front();
    }
    return dext;
}

}  // namespace opendext::toolchain
