// SPDX-License-Identifier: Apache-2.0
#include "iokit/registry_walk.h"

#include <IOKit/IOKitLib.h>

namespace opendext::iokit {

namespace {

using channel::EntryId;

std::expected<std::vector<EntryId>, kern_return_t> Parents(channel::ServiceDirectory &directory,
                                                           EntryId entry, bool recursively) {
    std::vector<EntryId> parents;
    do {
        const auto description = directory.Describe(entry);
        if (!description) {
            return parents.empty() ? std::expected<std::vector<EntryId>, kern_return_t>(
                                         std::unexpected(description.error()))
                                   : parents;
        }
        entry = description->parent;
        if (entry != EntryId::kNone) {
            parents.push_back(entry);
        }
    } while (recursively && entry != EntryId::kNone);
    return parents;
}

}  // namespace

std::expected<std::vector<EntryId>, kern_return_t> Walk(channel::ServiceDirectory &directory,
                                                        EntryId entry, uint32_t options) {
    const bool recursively = (options & kIORegistryIterateRecursively) != 0;
    if ((options & kIORegistryIterateParents) != 0) {
        return Parents(directory, entry, recursively);
    }
    const auto children = directory.Children(entry);
    if (!children || !recursively) {
        return children;
    }
    std::vector<EntryId> all;
    for (const EntryId child : *children) {
        all.push_back(child);
        // A child that has gone in the meantime has nothing below it.
        if (const auto below = Walk(directory, child, options)) {
            all.insert(all.end(), below->begin(), below->end());
        }
    }
    return all;
}

}  // namespace opendext::iokit
