// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcode_members.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "toolchain/project/source_type.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

const std::string &StatedType(const OpenStepValue &file) {
    const std::string &explicit_type = file.Text("explicitFileType");
    return explicit_type.empty() ? file.Text("lastKnownFileType") : explicit_type;
}

/// What exception sets say of the files of one synchronized folder, for one target. Paths are relative to the folder.
struct FolderExceptions {
    std::set<std::string> memberships;  ///< Files for which the folder's membership is turned round.
    std::map<std::string, std::string> flags;

    [[nodiscard]] bool Turns(const path &file) const {
        for (path part = file; !part.empty(); part = part.parent_path()) {
            if (memberships.contains(part.string())) {
                return true;
            }
        }
        return false;
    }
};

/// Collects the members of one target.
class Collector {
public:
    Collector(const XcodeObjects &objects, const XcodePaths &paths, const std::string &target_id,
              XcodeMembers &members)
        : objects_(objects),
          paths_(paths),
          target_id_(target_id),
          target_(*objects.Find(target_id)),
          members_(members) {}

    void Run() {
        for (const OpenStepValue *phase : objects_.FollowAll(target_, "buildPhases")) {
            AddPhase(*phase);
        }
        const std::vector<std::string> own =
            XcodeObjects::Ids(target_, "fileSystemSynchronizedGroups");
        for (const std::string &id : paths_.SynchronizedFolders()) {
            AddFolder(id, std::ranges::find(own, id) != own.end());
        }
    }

private:
    void AddPhase(const OpenStepValue &phase) {
        const std::string &kind = phase.Text("isa");
        if (kind == "PBXShellScriptBuildPhase") {
            const std::string &name = phase.Text("name");
            members_.warnings.push_back(objects_.PlaceOf(phase).Warning(fmt::format(
                "target '{}' has the script '{}', which is not run here; run it before the build "
                "if it makes files",
                target_.Text("name"), name.empty() ? "Run Script" : name)));
        }
        const bool is_sources = kind == "PBXSourcesBuildPhase";
        const bool is_headers = kind == "PBXHeadersBuildPhase";
        for (const OpenStepValue *build_file : objects_.FollowAll(phase, "files")) {
            if (kind == "PBXFrameworksBuildPhase") {
                AddLibrary(*build_file);
            } else if ((is_sources || is_headers) && IsForThisPlatform(*build_file)) {
                AddFile(*build_file, is_sources);
            }
        }
    }

    static bool IsForThisPlatform(const OpenStepValue &build_file) {
        std::vector<std::string> platforms = XcodeObjects::Ids(build_file, "platformFilters");
        if (!build_file.Text("platformFilter").empty()) {
            platforms.push_back(build_file.Text("platformFilter"));
        }
        return platforms.empty() || std::ranges::any_of(platforms, [](const std::string &name) {
                   return name == "driverkit" || name == "macos";
               });
    }

    void AddFile(const OpenStepValue &build_file, bool is_sources) {
        const std::string &id = build_file.Text("fileRef");
        const OpenStepValue *file = objects_.Find(id);
        const path place = paths_.PathOf(id);
        if (file == nullptr || place.empty()) {
            return;
        }
        const SourceType type = SourceTypeOf(place, StatedType(*file));
        const OpenStepValue *settings = build_file.Find("settings");
        std::vector<std::string> flags;
        if (settings != nullptr && !settings->Text("COMPILER_FLAGS").empty()) {
            flags.push_back(settings->Text("COMPILER_FLAGS"));
        }
        Add(place, type, std::move(flags), objects_.PlaceOf(*file), is_sources);
    }

    void Add(const path &file, SourceType type, std::vector<std::string> flags,
             const SourcePlace &place, bool is_sources) {
        if (type == SourceType::kHeader) {
            members_.headers.push_back(file);
        }
        // An .iig may stand among the headers: its header is what others include.
        const bool is_source = is_sources || type == SourceType::kInterface;
        if (is_source && type != SourceType::kHeader && type != SourceType::kOther &&
            known_.insert(file).second) {
            members_.sources.push_back(
                {.file = file, .type = type, .flags = std::move(flags), .place = place});
        }
    }

    // A product of another target of the project that is a static library.
    void AddLibrary(const OpenStepValue &build_file) {
        const std::string &product = build_file.Text("fileRef");
        for (const std::string &id : XcodeObjects::Ids(objects_.project(), "targets")) {
            const OpenStepValue *target = objects_.Find(id);
            if (target != nullptr && !product.empty() &&
                target->Text("productReference") == product &&
                target->Text("productType") == kStaticLibraryProduct) {
                members_.libraries.push_back(id);
            }
        }
    }

    [[nodiscard]] FolderExceptions ExceptionsOf(const OpenStepValue &folder) const {
        FolderExceptions exceptions;
        for (const OpenStepValue *set : objects_.FollowAll(folder, "exceptions")) {
            if (set->Text("target") != target_id_) {
                continue;
            }
            for (const std::string &name : XcodeObjects::Ids(*set, "membershipExceptions")) {
                exceptions.memberships.insert(path(name).lexically_normal().string());
            }
            const OpenStepValue *flags = set->Find("additionalCompilerFlagsByRelativePath");
            if (flags == nullptr || flags->IfDictionary() == nullptr) {
                continue;
            }
            for (const auto &[name, value] : *flags->IfDictionary()) {
                if (value.IfString() != nullptr) {
                    exceptions.flags[name] = *value.IfString();
                }
            }
        }
        return exceptions;
    }

    // Of a folder that the target has, all files but the exceptions; of another, the exceptions alone.
    void AddFolder(const std::string &id, bool is_own) {
        const OpenStepValue &folder = *objects_.Find(id);
        const path place = paths_.PathOf(id);
        const FolderExceptions exceptions = ExceptionsOf(folder);
        if (place.empty() || (!is_own && exceptions.memberships.empty())) {
            return;
        }
        const OpenStepValue *types = folder.Find("explicitFileTypes");
        for (const path &name : FilesBelow(place)) {
            if (exceptions.Turns(name) == is_own) {
                continue;
            }
            const std::string stated =
                types == nullptr ? std::string() : types->Text(name.string());
            const auto flags = exceptions.flags.find(name.string());
            Add(place / name, SourceTypeOf(name, stated),
                flags == exceptions.flags.end() ? std::vector<std::string>()
                                                : std::vector<std::string>{flags->second},
                objects_.PlaceOf(folder), true);
        }
    }

    const XcodeObjects &objects_;
    const XcodePaths &paths_;
    const std::string &target_id_;
    const OpenStepValue &target_;
    XcodeMembers &members_;
    std::set<path> known_;
};

}  // namespace

XcodeMembers MembersOf(const XcodeObjects &objects, const XcodePaths &paths,
                       const std::string &target_id) {
    XcodeMembers members;
    if (objects.Find(target_id) != nullptr) {
        Collector(objects, paths, target_id, members).Run();
    }
    return members;
}

}  // namespace opendext::toolchain
