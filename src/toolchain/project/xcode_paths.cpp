// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcode_paths.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "toolchain/project/source_type.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxNumFiles = 200'000;

bool IsGroup(std::string_view kind) {
    return kind == "PBXGroup" || kind == "PBXVariantGroup" || kind == "XCVersionGroup";
}

}  // namespace

std::expected<XcodePaths, std::string> XcodePaths::Resolve(const XcodeObjects &objects,
                                                           const path &directory) {
    XcodePaths paths(objects, directory);
    std::vector<std::string> open;
    const std::string &main_group = objects.project().Text("mainGroup");
    if (objects.Find(main_group) == nullptr) {
        return std::unexpected(
            objects.PlaceOf(objects.project()).Error("the project has no mainGroup"));
    }
    if (auto walked = paths.Walk(main_group, directory, open); !walked) {
        return std::unexpected(std::move(walked.error()));
    }
    return paths;
}

path XcodePaths::Place(const OpenStepValue &object, const path &parent) const {
    const std::string &tree = object.Text("sourceTree");
    const std::string &name = object.Text("path");
    if (tree == "<group>") {
        return parent.empty() || name.empty() ? parent : (parent / name).lexically_normal();
    }
    if (tree == "SOURCE_ROOT") {
        return (directory_ / name).lexically_normal();
    }
    return tree == "<absolute>" ? path(name).lexically_normal() : path();
}

std::expected<void, std::string> XcodePaths::Walk(const std::string &id, const path &parent,
                                                  std::vector<std::string> &open) {
    const OpenStepValue *object = objects_->Find(id);
    if (object == nullptr) {
        return {};
    }
    const bool is_open = std::ranges::find(open, id) != open.end();
    if (is_open || open.size() > kMaxDepth) {
        return std::unexpected(objects_->PlaceOf(*object).Error(
            fmt::format("group {} is within itself; take it out of the group that holds it", id)));
    }
    if (!paths_.try_emplace(id, Place(*object, parent)).second) {
        return {};  // in two groups: the first one places it
    }
    if (!IsGroup(object->Text("isa"))) {
        return {};
    }
    open.push_back(id);
    for (const std::string &child : XcodeObjects::Ids(*object, "children")) {
        if (auto walked = Walk(child, paths_.at(id), open); !walked) {
            return walked;
        }
    }
    open.pop_back();
    return {};
}

path XcodePaths::PathOf(std::string_view id) const {
    const auto found = paths_.find(id);
    if (found != paths_.end()) {
        return found->second;
    }
    const OpenStepValue *object = objects_->Find(id);
    return object == nullptr ? path() : Place(*object, directory_);
}

std::vector<path> XcodePaths::Headers() const {
    std::vector<path> headers;
    for (const auto &[id, file] : paths_) {
        const OpenStepValue *object = objects_->Find(id);
        if (file.empty()) {
            continue;
        }
        if (object->Text("isa") == "PBXFileSystemSynchronizedRootGroup") {
            for (const path &name : FilesBelow(file)) {
                if (SourceTypeOf(name, {}) == SourceType::kHeader) {
                    headers.push_back(file / name);
                }
            }
            continue;
        }
        const std::string &stated = object->Text("explicitFileType").empty()
                                        ? object->Text("lastKnownFileType")
                                        : object->Text("explicitFileType");
        if (object->Text("isa") == "PBXFileReference" &&
            SourceTypeOf(file, stated) == SourceType::kHeader) {
            headers.push_back(file);
        }
    }
    std::ranges::sort(headers);
    return headers;
}

std::vector<std::string> XcodePaths::SynchronizedFolders() const {
    std::vector<std::string> folders;
    for (const auto &[id, file] : paths_) {
        if (objects_->Find(id)->Text("isa") == "PBXFileSystemSynchronizedRootGroup") {
            folders.push_back(id);
        }
    }
    return folders;
}

std::vector<path> FilesBelow(const path &folder) {
    std::vector<path> files;
    std::error_code error;
    std::filesystem::recursive_directory_iterator entries(folder, error);
    for (; entries != std::filesystem::recursive_directory_iterator(); entries.increment(error)) {
        if (error || files.size() >= kMaxNumFiles) {
            break;
        }
        const path &file = entries->path();
        std::error_code ignored;
        if (entries->is_directory(ignored)) {
            if (IsFileWrapper(file) || file.filename().string().starts_with(".")) {
                entries.disable_recursion_pending();
            }
        } else if (entries->is_regular_file(ignored)) {
            files.push_back(file.lexically_relative(folder));
        }
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace opendext::toolchain
