// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcodegen_sources.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "toolchain/project/path_pattern.h"
#include "toolchain/project/source_type.h"
#include "toolchain/project/xcode_paths.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

// `compilerFlags` are a list, or one text of several.
std::vector<std::string> CompilerFlags(const YamlValue &source) {
    return source.Texts("compilerFlags");
}

/// Collects the files of one target.
class Collector {
public:
    Collector(const YamlValue *options, const path &file)
        : file_types_(options == nullptr ? nullptr : options->Find("fileTypes")), file_(file) {}

    std::expected<void, std::string> Add(const YamlValue &source) {
        const std::string &name =
            source.IfText() == nullptr ? source.Text("path") : *source.IfText();
        const SourcePlace place{.file = file_, .line = source.line()};
        const path where = (file_.parent_path() / name).lexically_normal();
        std::error_code error;
        if (name.empty() || source.Text("type") == "folder") {
            return {};
        }
        if (std::filesystem::is_regular_file(where, error)) {
            AddFile(where, source, place);
            return {};
        }
        if (!std::filesystem::is_directory(where, error)) {
            if (source.Text("optional") == "true") {
                return {};
            }
            return std::unexpected(place.Error(
                fmt::format("source {} does not exist; correct the path", where.string())));
        }
        const std::vector<std::string> excludes = source.Texts("excludes");
        const std::vector<std::string> includes = source.Texts("includes");
        for (const path &below : FilesBelow(where)) {
            const auto fits = [&below](const std::string &pattern) {
                return FitsPathPattern(below.string(), pattern);
            };
            const bool is_included = includes.empty() || std::ranges::any_of(includes, fits);
            if (is_included && std::ranges::none_of(excludes, fits)) {
                AddFile(where / below, source, place);
            }
        }
        return {};
    }

    XcodeGenSources found;

private:
    // The phase that a file is built in: what the source says, what the options say of its extension, or its type.
    [[nodiscard]] std::string PhaseOf(const path &file, const YamlValue &source) const {
        if (!source.Text("buildPhase").empty() || source.Find("buildPhase") != nullptr) {
            return source.Text("buildPhase");
        }
        const std::string extension = file.extension().string();
        const YamlValue *type = file_types_ == nullptr || extension.empty()
                                    ? nullptr
                                    : file_types_->Find(extension.substr(1));
        if (type != nullptr && !type->Text("buildPhase").empty()) {
            return type->Text("buildPhase");
        }
        return SourceTypeOf(file, {}) == SourceType::kHeader ? "headers" : "sources";
    }

    void AddFile(const path &file, const YamlValue &source, const SourcePlace &place) {
        if (file.filename() == "Info.plist") {
            found.info_plist = found.info_plist.empty() ? file : found.info_plist;
            return;
        }
        const SourceType type = SourceTypeOf(file, {});
        if (type == SourceType::kHeader) {
            found.headers.push_back(file);
        } else if (type != SourceType::kOther && PhaseOf(file, source) == "sources" &&
                   known_.insert(file).second) {
            found.sources.push_back(
                {.file = file, .type = type, .flags = CompilerFlags(source), .place = place});
        }
    }

    const YamlValue *file_types_;
    const path &file_;
    std::set<path> known_;
};

}  // namespace

std::expected<XcodeGenSources, std::string> ResolveSources(const YamlValue &target,
                                                           const YamlValue *options,
                                                           const path &file) {
    Collector collector(options, file);
    const YamlValue *sources = target.Find("sources");
    if (sources == nullptr) {
        return std::move(collector.found);
    }
    const YamlValue::List one = {*sources};
    for (const YamlValue &source : sources->IfList() == nullptr ? one : *sources->IfList()) {
        if (auto added = collector.Add(source); !added) {
            return std::unexpected(std::move(added.error()));
        }
    }
    return std::move(collector.found);
}

}  // namespace opendext::toolchain
