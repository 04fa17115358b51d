// SPDX-License-Identifier: Apache-2.0
#include "toolchain/personality_check.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

// Line of the first `<key>NAME</key>`, or 1.
long LineOfKey(const std::string &text, const std::string &name) {
    const size_t at = text.find("<key>" + name + "</key>");
    if (at == std::string::npos) {
        return 1;
    }
    return 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
}

bool IsNameCharacter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Whether `word` is in the file as a name of its own.
bool NamesWord(const path &file, const std::string &word) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        const size_t end = at + word.size();
        if ((at == 0 || !IsNameCharacter(text[at - 1])) &&
            (end == text.size() || !IsNameCharacter(text[end]))) {
            return true;
        }
    }
    return false;
}

bool IsDeclared(const DextFolder &folder, const std::string &class_name) {
    return folder.iigs.empty() || std::ranges::any_of(folder.iigs, [&](const path &iig) {
               return NamesWord(iig, class_name);
           });
}

// What is wrong with a personality, or an empty text.
std::string Complaint(const DextFolder &folder, const PropertyValue &personality) {
    if (personality.IfDictionary() == nullptr) {
        return "is no dictionary; make it a <dict>";
    }
    for (const char *key : {"IOProviderClass", "IOUserClass"}) {
        const PropertyValue *value = personality.Find(key);
        if (value == nullptr || value->IfString() == nullptr || value->IfString()->empty()) {
            return fmt::format("has no {0}; add <key>{0}</key> with a <string>", key);
        }
    }
    const std::string &name = *personality.Find("IOUserClass")->IfString();
    return IsDeclared(folder, name) ? std::string()
                                    : fmt::format(
                                          "has IOUserClass {}, which no .iig of the dext declares; "
                                          "correct the name or add the class",
                                          name);
}

// The keys with a meaning (semantics.md 3.1 to 3.3, 3.5), and those that only the original's tools look at.
constexpr std::string_view kKnownKeys[] = {"IOClass",
                                           "IOKitDebug",
                                           "IOLocationMatch",
                                           "IOMatchCategory",
                                           "IOMatchedServiceCount",
                                           "IONameMatch",
                                           "IOPCIClassMatch",
                                           "IOPCIMatch",
                                           "IOPCIPrimaryMatch",
                                           "IOPCISecondaryMatch",
                                           "IOPCITunnelCompatible",
                                           "IOParentMatch",
                                           "IOPathMatch",
                                           "IOPersonalityPublisher",
                                           "IOProbeScore",
                                           "IOPropertyExistsMatch",
                                           "IOPropertyMatch",
                                           "IOProviderClass",
                                           "IORegistryEntryID",
                                           "IOResourceMatch",
                                           "IOServiceDEXTEntitlements",
                                           "IOUserClass",
                                           "IOUserServerCDHash",
                                           "IOUserServerName",
                                           "IOUserServerOneProcess"};

}  // namespace

std::vector<std::string> PersonalityWarnings(const DextFolder &folder, const std::string &text,
                                             const PropertyValue::Dictionary &info) {
    std::vector<std::string> warnings;
    const auto found = info.find("IOKitPersonalities");
    if (found == info.end() || found->second.IfDictionary() == nullptr) {
        return warnings;
    }
    for (const auto &[name, personality] : *found->second.IfDictionary()) {
        if (personality.IfDictionary() == nullptr) {
            continue;
        }
        for (const auto &[key, value] : *personality.IfDictionary()) {
            // A driver gives such a dictionary's key to Create, as for its user client.
            const PropertyValue *user_class = value.Find("IOUserClass");
            const std::string *class_name =
                user_class == nullptr ? nullptr : user_class->IfString();
            if (class_name != nullptr && !IsDeclared(folder, *class_name)) {
                warnings.push_back(fmt::format(
                    "{}:{}: warning: personality '{}' has {} with IOUserClass {}, which no .iig of "
                    "the dext declares: Create fails with it; correct the name or add the class",
                    folder.info_plist.string(), LineOfKey(text, key), name, key, *class_name));
            }
            if (key.starts_with("IO") &&
                std::ranges::find(kKnownKeys, key) == std::end(kKnownKeys)) {
                warnings.push_back(fmt::format(
                    "{}:{}: warning: personality '{}' has key {}, which OpenDext does not know: it "
                    "becomes a property and has no other effect; check its spelling",
                    folder.info_plist.string(), LineOfKey(text, key), name, key));
            }
        }
    }
    return warnings;
}

std::expected<void, std::string> CheckPersonalities(const DextFolder &folder,
                                                    const std::string &text,
                                                    const PropertyValue::Dictionary &info) {
    const std::string file = folder.info_plist.string();
    const auto found = info.find("IOKitPersonalities");
    if (found == info.end() || found->second.IfDictionary() == nullptr ||
        found->second.IfDictionary()->empty()) {
        return std::unexpected(
            fmt::format("{}:{}: error: no IOKitPersonalities; add a dictionary with one "
                        "personality (IOProviderClass, IOClass, IOUserClass, IOUserServerName)",
                        file, LineOfKey(text, "IOKitPersonalities")));
    }
    for (const auto &[name, personality] : *found->second.IfDictionary()) {
        if (const std::string complaint = Complaint(folder, personality); !complaint.empty()) {
            return std::unexpected(fmt::format("{}:{}: error: personality '{}' {}", file,
                                               LineOfKey(text, name), name, complaint));
        }
    }
    return {};
}

}  // namespace opendext::toolchain
