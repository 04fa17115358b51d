// SPDX-License-Identifier: Apache-2.0
#include "registry/matching.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "registry/kernel_classes.h"
#include "registry/usb_match.h"

namespace opendext::registry {

namespace {

using Dictionary = PropertyValue::Dictionary;

std::optional<Mismatch> Fail(std::string_view key, std::string reason) {
    return Mismatch{.key = std::string(key), .reason = std::move(reason)};
}

// A key that takes one value or an array of them, any of which may hold.
std::vector<const PropertyValue *> Alternatives(const PropertyValue &value) {
    std::vector<const PropertyValue *> alternatives;
    if (const auto *array = value.IfArray()) {
        for (const PropertyValue &element : *array) {
            alternatives.push_back(&element);
        }
    } else {
        alternatives.push_back(&value);
    }
    return alternatives;
}

bool SameValue(const PropertyValue &wanted, const PropertyValue &found) {
    const auto *left = wanted.IfInteger();
    const auto *right = found.IfInteger();
    if (left != nullptr && right != nullptr) {
        return left->value == right->value;  // numbers compare by value, whatever their width
    }
    return wanted == found;
}

std::optional<Mismatch> MatchClass(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                   const PropertyValue &value) {
    const std::string *wanted = value.IfString();
    if (wanted != nullptr && KernelClassConforms(entry.class_name, *wanted)) {
        return std::nullopt;
    }
    return Fail("IOProviderClass", fmt::format("wants {}, '{}' is of class {}", value.ToString(),
                                               entry.name, entry.class_name));
}

bool NameIs(const RegistryEntry &entry, const std::string &wanted) {
    if (entry.name == wanted) {
        return true;
    }
    for (const std::string_view key : {std::string_view("name"), std::string_view("compatible")}) {
        const PropertyValue *value = FindProperty(entry, key);
        if (value != nullptr &&
            std::ranges::any_of(Alternatives(*value), [&](const PropertyValue *name) {
                return name->IfString() != nullptr && *name->IfString() == wanted;
            })) {
            return true;
        }
    }
    return false;
}

std::optional<Mismatch> MatchName(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                  const PropertyValue &value) {
    for (const PropertyValue *name : Alternatives(value)) {
        if (name->IfString() != nullptr && NameIs(entry, *name->IfString())) {
            return std::nullopt;
        }
    }
    return Fail("IONameMatch",
                fmt::format("wants {}, the entry is '{}'", value.ToString(), entry.name));
}

bool AllPropertiesEqual(const RegistryEntry &entry, const Dictionary &wanted) {
    return std::ranges::all_of(wanted, [&](const auto &pair) {
        const PropertyValue *found = FindProperty(entry, pair.first);
        return found != nullptr && SameValue(pair.second, *found);
    });
}

std::optional<Mismatch> MatchProperties(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                        const PropertyValue &value) {
    for (const PropertyValue *wanted : Alternatives(value)) {
        if (wanted->IfDictionary() != nullptr &&
            AllPropertiesEqual(entry, *wanted->IfDictionary())) {
            return std::nullopt;
        }
    }
    return Fail("IOPropertyMatch",
                fmt::format("wants {}, '{}' has no such values", value.ToString(), entry.name));
}

std::optional<Mismatch> MatchPropertyExists(const RegistryTree & /*tree*/,
                                            const RegistryEntry &entry,
                                            const PropertyValue &value) {
    for (const PropertyValue *key : Alternatives(value)) {
        if (key->IfString() != nullptr && FindProperty(entry, *key->IfString()) != nullptr) {
            return std::nullopt;
        }
    }
    return Fail("IOPropertyExistsMatch",
                fmt::format("wants a property {}, '{}' has none", value.ToString(), entry.name));
}

std::optional<Mismatch> MatchResource(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                      const PropertyValue &value) {
    // Other classes do not look at the key: public drivers of USB interfaces have it, too.
    if (!KernelClassConforms(entry.class_name, "IOUserResources") &&
        !KernelClassConforms(entry.class_name, "IOResources")) {
        return std::nullopt;
    }
    for (const PropertyValue *resource : Alternatives(value)) {
        if (resource->IfString() != nullptr &&
            FindProperty(entry, *resource->IfString()) != nullptr) {
            return std::nullopt;
        }
    }
    return Fail("IOResourceMatch", fmt::format("wants resource {}, '{}' does not publish it",
                                               value.ToString(), entry.name));
}

std::optional<Mismatch> MatchEntryId(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                     const PropertyValue &value) {
    const auto *id = value.IfInteger();
    if (id != nullptr && id->value == std::to_underlying(entry.id)) {
        return std::nullopt;
    }
    return Fail("IORegistryEntryID", fmt::format("wants {}, '{}' has {:#x}", value.ToString(),
                                                 entry.name, std::to_underlying(entry.id)));
}

std::optional<Mismatch> MatchLocation(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                      const PropertyValue &value) {
    if (value.IfString() != nullptr && *value.IfString() == entry.location) {
        return std::nullopt;
    }
    return Fail("IOLocationMatch", fmt::format("wants {}, '{}' is at '{}'", value.ToString(),
                                               entry.name, entry.location));
}

std::optional<Mismatch> MatchPath(const RegistryTree &tree, const RegistryEntry &entry,
                                  const PropertyValue &value) {
    std::string path;
    for (const RegistryEntry *ancestor : tree.Ancestry(entry.id)) {
        if (ancestor->id != tree.root()) {
            path.insert(0, "/" + ancestor->name +
                               (ancestor->location.empty() ? "" : "@" + ancestor->location));
        }
    }
    path.insert(0, path.empty() ? "IOService:/" : "IOService:");
    if (value.IfString() != nullptr && *value.IfString() == path) {
        return std::nullopt;
    }
    return Fail("IOPathMatch",
                fmt::format("wants {}, '{}' is at {}", value.ToString(), entry.name, path));
}

// Drivers that stand on the entry because a personality matched it.
std::optional<Mismatch> MatchServiceCount(const RegistryTree &tree, const RegistryEntry &entry,
                                          const PropertyValue &value) {
    const auto *wanted = value.IfInteger();
    const auto count =
        static_cast<uint64_t>(std::ranges::count_if(entry.children, [&](EntryId child) {
            const RegistryEntry *service = tree.Find(child);
            return service->active && !service->personality.empty();
        }));
    if (wanted != nullptr && wanted->value == count) {
        return std::nullopt;
    }
    return Fail("IOMatchedServiceCount",
                fmt::format("wants {}, '{}' has {}", value.ToString(), entry.name, count));
}

std::optional<Mismatch> MatchBsdName(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                     const PropertyValue &value) {
    const PropertyValue *name = FindProperty(entry, "BSD Name");
    if (name != nullptr && *name == value) {
        return std::nullopt;
    }
    return Fail("BSD Name",
                fmt::format("wants {}, '{}' has no such name", value.ToString(), entry.name));
}

std::optional<Mismatch> MatchPciKey(std::string_view key, const RegistryEntry &entry,
                                    const PropertyValue &value) {
    if (value.IfString() == nullptr) {
        return Fail(
            key, fmt::format("is a {}; make it a string of terms", PropertyKindName(value.kind())));
    }
    const auto matches = PciKeyMatches(key, *value.IfString(), *entry.pci);
    if (matches && *matches) {
        return std::nullopt;
    }
    if (!matches) {
        return Fail(key, matches.error());
    }
    return Fail(
        key,
        fmt::format(
            "wants {}, '{}' has device and vendor {:#010x}, class {:#010x}, subsystem {:#010x}",
            value.ToString(), entry.name, entry.pci->device_vendor, entry.pci->class_revision,
            entry.pci->subsystem_vendor));
}

using KeyTest = std::optional<Mismatch> (*)(const RegistryTree &, const RegistryEntry &,
                                            const PropertyValue &);

constexpr std::array<std::pair<std::string_view, KeyTest>, 10> kKeyTests = {{
    {"IOProviderClass", MatchClass},
    {"IONameMatch", MatchName},
    {"IOPropertyMatch", MatchProperties},
    {"IOPropertyExistsMatch", MatchPropertyExists},
    {"IOResourceMatch", MatchResource},
    {"IORegistryEntryID", MatchEntryId},
    {"IOLocationMatch", MatchLocation},
    {"IOPathMatch", MatchPath},
    {"IOMatchedServiceCount", MatchServiceCount},
    {"BSD Name", MatchBsdName},
}};

// All keys but IOParentMatch, which looks at other entries.
std::optional<Mismatch> FindOwnMismatch(const RegistryTree &tree, const RegistryEntry &entry,
                                        const Dictionary &matching) {
    for (const auto &[key, test] : kKeyTests) {
        const auto found = matching.find(key);
        if (found == matching.end()) {
            continue;
        }
        if (auto mismatch = test(tree, entry, found->second)) {
            return mismatch;
        }
    }
    if (IsUsbEntry(entry) && HasUsbKeys(entry, matching)) {
        if (auto matches = MatchUsbKeys(entry, matching); !matches) {
            return std::move(matches.error());
        }
    }
    for (const auto &[key, value] : matching) {
        // Keys of the PCI family: entries of another one leave them alone.
        if (entry.pci && IsPciMatchKey(key)) {
            if (auto mismatch = MatchPciKey(key, entry, value)) {
                return mismatch;
            }
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<Mismatch> FindMismatch(const RegistryTree &tree, const RegistryEntry &entry,
                                     const PropertyValue::Dictionary &matching) {
    constexpr std::string_view kParentMatch = "IOParentMatch";
    if (auto mismatch = FindOwnMismatch(tree, entry, matching)) {
        return mismatch;
    }
    // For each parent match within a parent match the nearest ancestor that holds will do: it leaves the most
    // ancestors to the ones inside. So nothing is tried twice, however deep an application nests them.
    std::vector<const RegistryEntry *> ancestors = tree.Ancestry(entry.parent);
    auto ancestor = ancestors.begin();
    const Dictionary *level = &matching;
    for (auto found = level->find(kParentMatch); found != level->end();
         found = level->find(kParentMatch)) {
        level = found->second.IfDictionary();
        ancestor =
            level == nullptr
                ? ancestors.end()
                : std::find_if(ancestor, ancestors.end(), [&](const RegistryEntry *candidate) {
                      return !FindOwnMismatch(tree, *candidate, *level);
                  });
        if (ancestor == ancestors.end()) {
            return Fail(kParentMatch, fmt::format("no ancestor of '{}' is {}", entry.name,
                                                  matching.find(kParentMatch)->second.ToString()));
        }
        ++ancestor;
    }
    return std::nullopt;
}

std::expected<int64_t, Mismatch> MatchPersonality(const RegistryTree &tree,
                                                  const RegistryEntry &entry,
                                                  const PropertyValue::Dictionary &personality) {
    if (auto mismatch = FindMismatch(tree, entry, personality)) {
        return std::unexpected(*std::move(mismatch));
    }
    return IsUsbEntry(entry) ? MatchUsbKeys(entry, personality) : 0;
}

}  // namespace opendext::registry
