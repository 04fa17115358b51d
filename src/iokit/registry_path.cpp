// SPDX-License-Identifier: Apache-2.0
#include "iokit/registry_path.h"

namespace opendext::iokit {

namespace {

using channel::EntryId;

std::string Component(const channel::EntryDescription &description) {
    return description.location.empty() ? description.name
                                        : description.name + "@" + description.location;
}

std::optional<EntryId> FindChild(channel::ServiceDirectory &directory, EntryId parent,
                                 std::string_view component) {
    const auto children = directory.Children(parent);
    if (!children) {
        return std::nullopt;
    }
    for (const EntryId child : *children) {
        const auto description = directory.Describe(child);
        if (description &&
            (description->name == component || Component(*description) == component)) {
            return child;
        }
    }
    return std::nullopt;
}

}  // namespace

std::expected<std::string, kern_return_t> PathOf(channel::ServiceDirectory &directory,
                                                 EntryId entry, std::string_view plane) {
    std::string names;
    for (;;) {
        const auto description = directory.Describe(entry);
        if (!description) {
            return std::unexpected(description.error());
        }
        if (description->parent == EntryId::kNone) {
            break;
        }
        names.insert(0, "/" + Component(*description));
        entry = description->parent;
    }
    return std::string(plane) + ":" + (names.empty() ? "/" : names);
}

std::optional<EntryId> FindByPath(channel::ServiceDirectory &directory, std::string_view path) {
    const size_t colon = path.find(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    path.remove_prefix(colon + 1);
    std::optional<EntryId> entry = directory.Root();
    while (entry && !path.empty()) {
        const size_t end = path.find('/', 1);
        const std::string_view component = path.substr(
            path.starts_with('/') ? 1 : 0, end == std::string_view::npos ? end : end - 1);
        path = end == std::string_view::npos ? std::string_view() : path.substr(end);
        if (!component.empty()) {
            entry = FindChild(directory, *entry, component);
        }
    }
    return entry;
}

}  // namespace opendext::iokit
