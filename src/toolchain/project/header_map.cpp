// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/header_map.h"

#include <bit>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <set>

namespace opendext::toolchain {

namespace {

// The layout that clang reads (clang/Lex/HeaderMapTypes.h), in the byte order of the machine.
struct Header {
    uint32_t magic = 0x686d6170;  // 'hmap'
    uint16_t version = 1;
    uint16_t reserved = 0;
    uint32_t strings_offset = 0;  // in the file
    uint32_t num_entries = 0;
    uint32_t num_buckets = 0;  // a power of two
    uint32_t max_value_length = 0;
};
static_assert(sizeof(Header) == 24);

struct Bucket {  // offsets into the strings; 0: none
    uint32_t key = 0;
    uint32_t prefix = 0;
    uint32_t suffix = 0;
};
static_assert(sizeof(Bucket) == 12);

std::string Lower(std::string text) {
    for (char &c : text) {
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return text;
}

uint32_t Hash(const std::string &lower_key) {
    uint32_t hash = 0;
    for (const char c : lower_key) {
        hash += static_cast<unsigned char>(c) * 13U;
    }
    return hash;
}

uint32_t AddString(const std::string &text, std::string &strings) {
    const auto offset = static_cast<uint32_t>(strings.size());
    strings += text;
    strings.push_back('\0');
    return offset;
}

}  // namespace

std::string HeaderMap(const std::vector<std::filesystem::path> &headers) {
    Header header;
    header.num_buckets = std::bit_ceil(static_cast<uint32_t>(headers.size() * 4 / 3 + 8));
    std::vector<Bucket> buckets(header.num_buckets);
    std::string strings(1, '\0');
    std::set<std::string> known;
    for (const std::filesystem::path &file : headers) {
        const std::string name = file.filename().string();
        const std::string lower_name = Lower(name);
        if (!known.insert(lower_name).second) {
            continue;
        }
        uint32_t at = Hash(lower_name) & (header.num_buckets - 1);
        while (buckets[at].key != 0) {
            at = (at + 1) & (header.num_buckets - 1);
        }
        const std::string prefix = file.parent_path().string() + "/";
        buckets[at].key = AddString(name, strings);
        buckets[at].prefix = AddString(prefix, strings);
        buckets[at].suffix = buckets[at].key;
        header.max_value_length =
            std::max(header.max_value_length, static_cast<uint32_t>(prefix.size() + name.size()));
        ++header.num_entries;
    }
    header.strings_offset = static_cast<uint32_t>(sizeof(Header) + buckets.size() * sizeof(Bucket));
    std::string bytes(header.strings_offset, '\0');
    std::memcpy(bytes.data(), &header, sizeof(Header));
    std::memcpy(bytes.data() + sizeof(Header), buckets.data(), buckets.size() * sizeof(Bucket));
    return bytes + strings;
}

}  // namespace opendext::toolchain
