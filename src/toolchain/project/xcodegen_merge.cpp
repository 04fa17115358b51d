// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcodegen_merge.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "toolchain/project/source_place.h"
#include "toolchain/project/text_file.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxNumFiles = 256;

void Rebase(const path &folder, YamlValue &value) {
    if (std::string *text = value.IfText(); text != nullptr && !text->empty()) {
        *text = (folder / *text).lexically_normal().string();
    }
}

void RebaseAll(const path &folder, YamlValue *values) {
    if (values == nullptr || values->IfMap() == nullptr) {
        return;
    }
    for (auto &[name, value] : *values->IfMap()) {
        Rebase(folder, value);
    }
}

// `sources` are a path, a map with one, or a list of these.
void RebaseSources(const path &folder, YamlValue *sources) {
    if (sources == nullptr) {
        return;
    }
    if (sources->IfList() != nullptr) {
        for (YamlValue &source : *sources->IfList()) {
            if (source.IfList() == nullptr) {
                RebaseSources(folder, &source);
            }
        }
    } else if (YamlValue *place = sources->Find("path")) {
        Rebase(folder, *place);
    } else {
        Rebase(folder, *sources);
    }
}

void RebaseSpecification(const path &folder, YamlValue &specification) {
    if (folder.empty() || folder == ".") {
        return;
    }
    RebaseAll(folder, specification.Find("configFiles"));
    for (const char *kind : {"targets", "targetTemplates"}) {
        YamlValue *targets = specification.Find(kind);
        if (targets == nullptr || targets->IfMap() == nullptr) {
            continue;
        }
        for (auto &[name, target] : *targets->IfMap()) {
            RebaseSources(folder, target.Find("sources"));
            RebaseAll(folder, target.Find("configFiles"));
            for (const char *list : {"info", "entitlements"}) {
                if (YamlValue *place =
                        target.Find(list) == nullptr ? nullptr : target.Find(list)->Find("path")) {
                    Rebase(folder, *place);
                }
            }
        }
    }
}

/// Reads specifications, each included by the one before it.
class Reader {
public:
    std::expected<YamlValue, std::string> Read(const path &file) {
        const auto text = ReadTextFile(file);
        if (!text) {
            return std::unexpected(text.error());
        }
        auto own = ParseYaml(*text, file);
        if (!own) {
            return own;
        }
        if (own->IfMap() == nullptr) {
            return std::unexpected(SourcePlace{.file = file, .line = own->line()}.Error(
                "a specification is a map: name, targets..."));
        }
        YamlValue merged(YamlValue::Map(), own->line());
        open_.push_back(file);
        if (const YamlValue *includes = own->Find("include")) {
            const YamlValue::List one = {*includes};
            for (const YamlValue &include :
                 includes->IfList() == nullptr ? one : *includes->IfList()) {
                if (auto added = Include(include, file, merged); !added) {
                    return std::unexpected(std::move(added.error()));
                }
            }
        }
        open_.pop_back();
        MergeYaml(merged, *own);
        return merged;
    }

private:
    std::expected<void, std::string> Include(const YamlValue &include, const path &from,
                                             YamlValue &merged) {
        const std::string &name =
            include.IfText() == nullptr ? include.Text("path") : *include.IfText();
        if (name.empty() || include.Text("enable") == "false") {
            return {};
        }
        const path file = (from.parent_path() / name).lexically_normal();
        const SourcePlace place{.file = from, .line = include.line()};
        std::error_code error;
        if (!std::filesystem::exists(file, error)) {
            return std::unexpected(place.Error(fmt::format("{} does not exist", name)));
        }
        const bool is_circle = std::ranges::find(open_, file) != open_.end();
        if (is_circle || ++num_files_ > kMaxNumFiles) {
            return std::unexpected(place.Error(
                is_circle ? fmt::format("{} includes this file itself; break the circle", name)
                          : std::string("too many files are included")));
        }
        auto included = Read(file);
        if (!included) {
            return std::unexpected(std::move(included.error()));
        }
        if (include.Text("relativePaths") != "false") {
            RebaseSpecification(path(name).parent_path(), *included);
        }
        MergeYaml(merged, *included);
        return {};
    }

    std::vector<path> open_;
    size_t num_files_ = 0;
};

void ReplaceAll(std::string &text, const std::string &from, const std::string &to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
        text.replace(at, from.size(), to);
        at += to.size();
    }
}

void FillIn(YamlValue &value, const std::string &from, const std::string &to) {
    if (std::string *text = value.IfText()) {
        ReplaceAll(*text, from, to);
    } else if (auto *list = value.IfList()) {
        for (YamlValue &element : *list) {
            FillIn(element, from, to);
        }
    } else if (auto *map = value.IfMap()) {
        for (auto &[name, element] : *map) {
            ReplaceAll(name, from, to);
            FillIn(element, from, to);
        }
    }
}

// The templates that `names` list, each with its own below it, put onto `merged` in order.
std::expected<void, std::string> AddTemplates(const YamlValue &specification, const YamlValue &user,
                                              const path &file, size_t depth, size_t &num_templates,
                                              YamlValue &merged) {
    const YamlValue *templates = specification.Find("targetTemplates");
    for (const std::string &name : user.Texts("templates")) {
        const YamlValue *found = templates == nullptr ? nullptr : templates->Find(name);
        const SourcePlace place{.file = file, .line = user.Find("templates")->line()};
        if (found == nullptr) {
            return std::unexpected(
                place.Error(fmt::format("there is no target template '{}'", name)));
        }
        if (depth > kMaxDepth || ++num_templates > kMaxNumFiles) {
            return std::unexpected(
                place.Error(fmt::format("template '{}' uses itself; break the circle", name)));
        }
        if (auto added =
                AddTemplates(specification, *found, file, depth + 1, num_templates, merged);
            !added) {
            return added;
        }
        MergeYaml(merged, *found);
    }
    return {};
}

}  // namespace

void MergeYaml(YamlValue &base, const YamlValue &added) {
    constexpr std::string_view kReplace = ":REPLACE";
    if (base.IfMap() != nullptr && added.IfMap() != nullptr) {
        for (const auto &[key, value] : *added.IfMap()) {
            const bool replaces = key.ends_with(kReplace);
            const std::string name = replaces ? key.substr(0, key.size() - kReplace.size()) : key;
            YamlValue *old = base.Find(name);
            if (old == nullptr) {
                base.IfMap()->emplace_back(name, value);
            } else if (replaces) {
                *old = value;
            } else {
                MergeYaml(*old, value);
            }
        }
    } else if (base.IfList() != nullptr && added.IfList() != nullptr) {
        base.IfList()->insert(base.IfList()->end(), added.IfList()->begin(), added.IfList()->end());
    } else {
        base = added;
    }
}

std::expected<YamlValue, std::string> ReadSpecification(const path &file) {
    return Reader().Read(file);
}

std::expected<YamlValue, std::string> WithTemplates(const YamlValue &specification,
                                                    const YamlValue &target,
                                                    const std::string &target_name,
                                                    const path &file) {
    YamlValue merged(YamlValue::Map(), target.line());
    size_t num_templates = 0;
    if (auto added = AddTemplates(specification, target, file, 0, num_templates, merged); !added) {
        return std::unexpected(std::move(added.error()));
    }
    FillIn(merged, "${target_name}", target_name);
    if (const YamlValue *attributes = target.Find("templateAttributes");
        attributes != nullptr && attributes->IfMap() != nullptr) {
        for (const auto &[name, value] : *attributes->IfMap()) {
            if (value.IfText() != nullptr) {
                FillIn(merged, "${" + name + "}", *value.IfText());
            }
        }
    }
    MergeYaml(merged, target);
    return merged;
}

}  // namespace opendext::toolchain
