// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/private_folder.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace opendext::rig {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProbeIdentifier = "org.opendext.test.probe";

std::string ReadText(const fs::path &file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void ReplaceAll(std::string &text, std::string_view from, std::string_view to) {
    for (size_t found = text.find(from); found != std::string::npos;
         found = text.find(from, found + to.size())) {
        text.replace(found, from.size(), to);
    }
}

}  // namespace

PrivateFolder::PrivateFolder() {
    std::string name = (fs::temp_directory_path() / "opendext-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        std::abort();
    }
    path_ = name;
}

PrivateFolder::~PrivateFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
}

fs::path PrivateFolder::Write(const fs::path &name, std::string_view text) const {
    const fs::path file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
}

fs::path PrivateFolder::ProbeVariant(
    const std::string &name,
    const std::vector<std::pair<std::string, std::string>> &changes) const {
    const std::string identifier = "org.opendext.test." + name;
    const fs::path source = BuiltDext("probe");
    const fs::path dext = path_ / (name + ".dext");
    fs::create_directories(dext);
    fs::copy_file(source / "entitlements.plist", dext / "entitlements.plist");
    fs::copy_file(source / (std::string(kProbeIdentifier) + ".so"), dext / (identifier + ".so"));
    std::string plist = ReadText(source / "Info.plist");
    ReplaceAll(plist, kProbeIdentifier, identifier);
    for (const auto &[from, to] : changes) {
        ReplaceAll(plist, from, to);
    }
    Write(dext / "Info.plist", plist);
    return dext;
}

fs::path BuiltDext(std::string_view name) {
    return fs::path(OPENDEXT_BUILD_DIR) / "tests" / "dexts" / (std::string(name) + ".dext");
}

fs::path BuiltProgram(std::string_view name) {
    return fs::path(OPENDEXT_BUILD_DIR) / "bin" / name;
}

}  // namespace opendext::rig
