// SPDX-License-Identifier: Apache-2.0
// Reports of services, on behalf of applications.
#include <utility>

#include "channel/wire/io_result.h"
#include "registry/registry.h"

namespace opendext::registry {

namespace {

/// Channels that are asked for at a time; a legend with more is cut.
constexpr size_t kMostChannels = 4096;

// Id and type of each channel of a legend that a driver has published, in turn. What is not a channel is left out.
std::vector<uint64_t> ChannelsOf(const PropertyValue &legend) {
    std::vector<uint64_t> channels;
    const PropertyValue::Array none;
    const auto list = [&none](const PropertyValue *value) -> const PropertyValue::Array & {
        const auto *array = value != nullptr ? value->IfArray() : nullptr;
        return array != nullptr ? *array : none;
    };
    for (const PropertyValue &entry : list(&legend)) {
        for (const PropertyValue &channel : list(entry.Find("IOReportChannels"))) {
            const PropertyValue::Array &words = list(&channel);
            const auto *id = words.size() < 2 ? nullptr : words[0].IfInteger();
            const auto *type = words.size() < 2 ? nullptr : words[1].IfInteger();
            if (id != nullptr && type != nullptr && channels.size() < 2 * kMostChannels) {
                channels.push_back(id->value);
                channels.push_back(type->value);
            }
        }
    }
    return channels;
}

}  // namespace

void Registry::ReadReports(EntryId service, Reported done) {
    const RegistryEntry *entry = tree_.Find(service);
    if (entry == nullptr || !entry->active) {
        done(std::unexpected(channel::kIoNoDevice));
        return;
    }
    const PropertyValue *legend = FindProperty(*entry, "IOReportLegend");
    DriverHost *host = hosts_.Find(entry->host);
    if (legend == nullptr || host == nullptr || host->port == nullptr) {
        done(std::unexpected(channel::kIoNotFound));
        return;
    }
    host->port->ReadReports(service, ChannelsOf(*legend), lifetime_.Guard(std::move(done)));
}

}  // namespace opendext::registry
