// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/registry_port.h"
#include "channel/transport/bus_message.h"
#include "channel/wire/service_directory.h"

/// Entries in messages: "t" and "at", and neighbours as "atasas". Bus thread only.
namespace opendext::channel {

inline void WriteEntry(MessageWriter &writer, EntryId entry) {
    writer.U64(static_cast<uint64_t>(entry));
}

inline EntryId ReadEntry(MessageReader &reader) {
    return static_cast<EntryId>(reader.U64());
}

inline void WriteEntries(MessageWriter &writer, const std::vector<EntryId> &entries) {
    std::vector<uint64_t> words;
    words.reserve(entries.size());
    for (const EntryId entry : entries) {
        words.push_back(static_cast<uint64_t>(entry));
    }
    writer.U64List(words);
}

inline std::vector<EntryId> ReadEntries(MessageReader &reader) {
    std::vector<EntryId> entries;
    for (const uint64_t word : reader.U64List()) {
        entries.push_back(static_cast<EntryId>(word));
    }
    return entries;
}

inline void WriteRelated(MessageWriter &writer, const std::vector<RelatedEntry> &entries) {
    std::vector<EntryId> ids;
    std::vector<std::string> classes;
    std::vector<std::string> parts;
    for (const RelatedEntry &each : entries) {
        ids.push_back(each.entry);
        classes.push_back(each.class_name);
        parts.push_back(each.part);
    }
    WriteEntries(writer, ids);
    writer.TextList(classes);
    writer.TextList(parts);
}

inline std::vector<RelatedEntry> ReadRelated(MessageReader &reader) {
    const std::vector<EntryId> ids = ReadEntries(reader);
    std::vector<std::string> classes = reader.TextList();
    std::vector<std::string> parts = reader.TextList();
    if (classes.size() != ids.size() || parts.size() != ids.size()) {
        reader.Fail();
        return {};
    }
    std::vector<RelatedEntry> entries;
    for (size_t i = 0; i < ids.size(); ++i) {
        entries.push_back(
            {.entry = ids[i], .class_name = std::move(classes[i]), .part = std::move(parts[i])});
    }
    return entries;
}

}  // namespace opendext::channel
