// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcodegen_spec.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "toolchain/project/default_settings.h"
#include "toolchain/project/xcodegen_merge.h"
#include "toolchain/project/xcodegen_settings.h"
#include "toolchain/project/xcodegen_sources.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

std::string FullType(const std::string &type) {
    constexpr std::string_view kPrefix = "com.apple.product-type.";
    return type.empty() || type.starts_with("com.apple.") ? type : std::string(kPrefix) + type;
}

// What options.bundleIdPrefix makes of a target's name.
std::string BundleIdPart(const std::string &name) {
    std::string part;
    for (const char c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.') {
            part.push_back(c);
        } else if (c == '_') {
            part.push_back('-');
        }
    }
    return part;
}

}  // namespace

std::expected<std::unique_ptr<Project>, std::string> XcodeGenSpec::Open(const path &file) {
    const path absolute = std::filesystem::absolute(file).lexically_normal();
    auto specification = ReadSpecification(absolute);
    if (!specification) {
        return std::unexpected(std::move(specification.error()));
    }
    return std::make_unique<XcodeGenSpec>(*std::move(specification), absolute);
}

XcodeGenSpec::XcodeGenSpec(YamlValue specification, path file)
    : specification_(std::move(specification)), file_(std::move(file)) {}

std::vector<TargetSummary> XcodeGenSpec::Targets() const {
    std::vector<TargetSummary> summaries;
    const YamlValue *targets = specification_.Find("targets");
    if (targets == nullptr || targets->IfMap() == nullptr) {
        return summaries;
    }
    for (const auto &[key, target] : *targets->IfMap()) {
        const auto merged = WithTemplates(specification_, target, key, file_);
        const YamlValue &whole = merged ? *merged : target;
        summaries.push_back({.name = whole.Text("name").empty() ? key : whole.Text("name"),
                             .product_type = FullType(whole.Text("type"))});
    }
    return summaries;
}

const std::pair<std::string, YamlValue> *XcodeGenSpec::Find(const std::string &name) const {
    const YamlValue *targets = specification_.Find("targets");
    if (targets == nullptr || targets->IfMap() == nullptr) {
        return nullptr;
    }
    const auto found = std::ranges::find_if(*targets->IfMap(), [&name](const auto &target) {
        const std::string &stated = target.second.Text("name");
        return (stated.empty() ? target.first : stated) == name;
    });
    return found == targets->IfMap()->end() ? nullptr : &*found;
}

std::expected<ProjectTarget, std::string> XcodeGenSpec::Load(const std::string &name,
                                                             const ProjectRequest &request) const {
    Loading loading;
    auto target = LoadOne(name, request, loading);
    const YamlValue *others = specification_.Find("targets");
    if (!target || others == nullptr || others->IfMap() == nullptr) {
        return target;
    }
    // Headers of all targets are found by their names. What is wrong with another target is not this one's.
    for (const auto &[key, other] : *others->IfMap()) {
        const auto node = WithTemplates(specification_, other, key, file_);
        const auto sources = node ? ResolveSources(*node, specification_.Find("options"), file_)
                                  : std::unexpected(node.error());
        if (sources) {
            target->headers.insert(target->headers.end(), sources->headers.begin(),
                                   sources->headers.end());
        }
    }
    return target;
}

std::expected<ProjectTarget, std::string> XcodeGenSpec::LoadOne(const std::string &name,
                                                                const ProjectRequest &request,
                                                                Loading &loading) const {
    const auto *named = Find(name);
    if (named == nullptr) {
        return std::unexpected(
            SourcePlace{.file = file_}.Error(fmt::format("there is no target '{}'", name)));
    }
    if (std::ranges::find(loading.open, name) != loading.open.end()) {
        return std::unexpected(SourcePlace{.file = file_, .line = named->second.line()}.Error(
            fmt::format("target '{}' links itself by way of others; break the circle", name)));
    }
    const auto node = WithTemplates(specification_, named->second, named->first, file_);
    if (!node) {
        return std::unexpected(node.error());
    }
    ProjectTarget target;
    target.name = name;
    target.product_type = FullType(node->Text("type"));
    target.file = file_;
    target.directory = file_.parent_path();
    auto sources = ResolveSources(*node, specification_.Find("options"), file_);
    if (!sources) {
        return std::unexpected(std::move(sources.error()));
    }
    target.sources = std::move(sources->sources);
    target.own_headers = std::move(sources->headers);
    if (auto added = AddSettings(*node, request, target); !added) {
        return std::unexpected(std::move(added.error()));
    }
    AddDefaultPlists(*node, sources->info_plist, target);
    for (const char *scripts : {"preBuildScripts", "postCompileScripts"}) {
        const YamlValue *list = node->Find(scripts);
        if (list == nullptr || list->IfList() == nullptr) {
            continue;
        }
        for (const YamlValue &script : *list->IfList()) {
            target.warnings.push_back(
                SourcePlace{.file = file_, .line = script.line()}.Warning(fmt::format(
                    "target '{}' has the script '{}', which is not run here; run it before the "
                    "build if it makes files",
                    name, script.Text("name"))));
        }
    }
    if (auto added = AddLibraries(*node, request, loading, target); !added) {
        return std::unexpected(std::move(added.error()));
    }
    return target;
}

std::expected<void, std::string> XcodeGenSpec::AddSettings(const YamlValue &node,
                                                           const ProjectRequest &request,
                                                           ProjectTarget &target) const {
    const XcodeGenSettings levels(specification_, file_);
    const std::string configuration =
        request.configuration.empty() ? levels.DefaultConfiguration() : request.configuration;
    const YamlValue *options = specification_.Find("options");
    const std::string prefix = options == nullptr ? "" : options->Text("bundleIdPrefix");
    target.settings = DefaultSettings(
        target, configuration, options == nullptr ? "" : options->Text("developmentLanguage"));
    if (!specification_.Text("name").empty()) {
        target.settings.AddText("PROJECT_NAME", specification_.Text("name"));
    }
    if (!prefix.empty()) {
        target.settings.AddText("PRODUCT_BUNDLE_IDENTIFIER",
                                prefix + "." + BundleIdPart(target.name));
    }
    if (auto added = levels.Add(node, configuration, target.settings, target.warnings); !added) {
        return added;
    }
    AddOverrides(request, target.settings);
    return {};
}

// XcodeGen sets these two when no setting does.
void XcodeGenSpec::AddDefaultPlists(const YamlValue &node, const path &info_plist,
                                    ProjectTarget &target) const {
    const std::pair<const char *, const char *> made[] = {
        {"info", "INFOPLIST_FILE"}, {"entitlements", "CODE_SIGN_ENTITLEMENTS"}};
    for (const auto &[key, setting] : made) {
        const YamlValue *plist = node.Find(key);
        std::string name = plist == nullptr ? std::string() : plist->Text("path");
        if (!target.settings.PlaceOf(setting).file.empty()) {
            continue;
        }
        std::error_code error;
        if (!name.empty() && !std::filesystem::exists(target.directory / name, error)) {
            target.warnings.push_back(SourcePlace{.file = file_, .line = plist->line()}.Warning(
                fmt::format("'{}' of target '{}' is written by XcodeGen, and {} is not there; run "
                            "xcodegen once",
                            key, target.name, name)));
        }
        if (name.empty() && plist == nullptr && setting == std::string_view("INFOPLIST_FILE")) {
            name = info_plist.string();
        }
        if (!name.empty()) {
            target.settings.AddText(setting, name);
        }
    }
}

std::expected<void, std::string> XcodeGenSpec::AddLibraries(const YamlValue &node,
                                                            const ProjectRequest &request,
                                                            Loading &loading,
                                                            ProjectTarget &target) const {
    const YamlValue *dependencies = node.Find("dependencies");
    if (dependencies == nullptr || dependencies->IfList() == nullptr) {
        return {};
    }
    const std::vector<TargetSummary> all = Targets();
    loading.open.push_back(target.name);
    for (const YamlValue &dependency : *dependencies->IfList()) {
        const std::string &name = dependency.Text("target");
        const bool is_library =
            !name.empty() && dependency.Text("link") != "false" &&
            std::ranges::any_of(all, [&name](const TargetSummary &summary) {
                return summary.name == name && summary.product_type == kStaticLibraryProduct;
            });
        const bool is_open = std::ranges::find(loading.open, name) != loading.open.end();
        if (!is_library || (!is_open && !loading.known.insert(name).second)) {
            continue;
        }
        auto loaded = LoadOne(name, request, loading);
        if (!loaded) {
            return std::unexpected(std::move(loaded.error()));
        }
        target.libraries.push_back(*std::move(loaded));
    }
    loading.open.pop_back();
    return {};
}

}  // namespace opendext::toolchain
