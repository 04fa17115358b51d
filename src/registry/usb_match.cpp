// SPDX-License-Identifier: Apache-2.0
#include "registry/usb_match.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "registry/kernel_classes.h"

namespace opendext::registry {

namespace {

using Dictionary = PropertyValue::Dictionary;

constexpr std::string_view kProduct = "idProduct";
constexpr std::string_view kProductArray = "idProductArray";
constexpr std::string_view kProductMask = "idProductMask";
constexpr std::string_view kRelease = "bcdDevice";
constexpr std::string_view kVendor = "idVendor";
constexpr uint64_t kVendorSpecific = 0xFF;
constexpr int64_t kWildcardCost = 1000;
constexpr int64_t kMaskCost = 500;

/// The keys that one class of entries is matched by. Empty: it has no such key.
struct KeyNames {
    std::string_view kind;
    std::string_view class_key;
    std::string_view subclass_key;
    std::string_view protocol_key;
    std::array<std::string_view, 2> place_keys;  ///< Which interface; must be given with a product.
};

constexpr KeyNames kDeviceKeys = {.kind = "device",
                                  .class_key = "bDeviceClass",
                                  .subclass_key = "bDeviceSubClass",
                                  .protocol_key = "bDeviceProtocol",
                                  .place_keys = {}};
constexpr KeyNames kInterfaceKeys = {.kind = "interface",
                                     .class_key = "bInterfaceClass",
                                     .subclass_key = "bInterfaceSubClass",
                                     .protocol_key = "bInterfaceProtocol",
                                     .place_keys = {"bConfigurationValue", "bInterfaceNumber"}};

const KeyNames &KeysOf(const RegistryEntry &entry) {
    return KernelClassConforms(entry.class_name, "IOUSBHostInterface") ? kInterfaceKeys
                                                                       : kDeviceKeys;
}

/// One key of a personality, held against the entry.
struct Term {
    std::string_view key;
    bool is_wildcard = false;
    bool uses_mask = false;
};

std::optional<uint64_t> NumberProperty(const Dictionary &properties, std::string_view key) {
    const auto found = properties.find(key);
    const auto *number = found == properties.end() ? nullptr : found->second.IfInteger();
    return number == nullptr ? std::nullopt : std::optional(number->value);
}

bool IsWildcard(const PropertyValue &value) {
    return value.IfString() != nullptr && *value.IfString() == "*";
}

Mismatch Differs(const RegistryEntry &entry, std::string_view key, std::string_view wanted,
                 std::optional<uint64_t> found) {
    return {
        .key = std::string(key),
        .reason = found ? fmt::format("wants {}, {} has {:#x}", wanted, UsbEntryText(entry), *found)
                        : fmt::format("wants {}, {} has none", wanted, UsbEntryText(entry))};
}

std::expected<Term, Mismatch> CheckNumber(const RegistryEntry &entry, std::string_view key,
                                          const PropertyValue &value) {
    if (IsWildcard(value)) {
        return Term{.key = key, .is_wildcard = true};
    }
    const auto *wanted = value.IfInteger();
    if (wanted == nullptr) {
        return std::unexpected(
            Mismatch{.key = std::string(key),
                     .reason = fmt::format("is a {}; make it an <integer>, or the string * for any",
                                           PropertyKindName(value.kind()))});
    }
    const auto found = NumberProperty(entry.properties, key);
    if (found && *found == wanted->value) {
        return Term{.key = key};
    }
    return std::unexpected(Differs(entry, key, fmt::format("{:#x}", wanted->value), found));
}

std::vector<uint64_t> NumbersIn(const PropertyValue &value) {
    std::vector<uint64_t> numbers;
    if (const auto *number = value.IfInteger()) {
        numbers.push_back(number->value);
    } else if (const auto *array = value.IfArray()) {
        for (const PropertyValue &element : *array) {
            if (const auto *each = element.IfInteger()) {
                numbers.push_back(each->value);
            }
        }
    }
    return numbers;
}

// The product: one number or an array of them, equal as they are or under a mask.
std::expected<Term, Mismatch> CheckProduct(const RegistryEntry &entry, std::string_view key,
                                           const PropertyValue &value, const Dictionary &keys) {
    if (IsWildcard(value)) {
        return Term{.key = kProduct, .is_wildcard = true};
    }
    const std::vector<uint64_t> wanted = NumbersIn(value);
    if (wanted.empty()) {
        return std::unexpected(Mismatch{
            .key = std::string(key),
            .reason =
                fmt::format("is a {} without numbers; make it {}", PropertyKindName(value.kind()),
                            key == kProduct ? "an <integer>" : "an <array> of integers")});
    }
    const auto found = NumberProperty(entry.properties, kProduct);
    if (found && std::ranges::find(wanted, *found) != wanted.end()) {
        return Term{.key = kProduct};
    }
    const auto mask = NumberProperty(keys, kProductMask);
    if (found && mask && std::ranges::any_of(wanted, [&](uint64_t each) {
            return (each & *mask) == (*found & *mask);
        })) {
        return Term{.key = kProduct, .uses_mask = true};
    }
    std::string text = fmt::format("{:#x}", fmt::join(wanted, " or "));
    if (mask) {
        text += fmt::format(" under the mask {:#x}", *mask);
    }
    return std::unexpected(Differs(entry, key, text, found));
}

/// All USB keys of `keys`, each of which holds, or the first that does not.
std::expected<std::vector<Term>, Mismatch> CheckKeys(const RegistryEntry &entry,
                                                     const Dictionary &keys) {
    const KeyNames &names = KeysOf(entry);
    std::vector<Term> terms;
    // The array stands for the one number where both are given.
    const auto array = keys.find(kProductArray);
    const auto product = array == keys.end() ? keys.find(kProduct) : array;
    if (product != keys.end()) {
        auto term = CheckProduct(entry, product->first, product->second, keys);
        if (!term) {
            return std::unexpected(std::move(term.error()));
        }
        terms.push_back(*term);
    }
    for (const std::string_view key : {kVendor, kRelease, names.place_keys[0], names.place_keys[1],
                                       names.class_key, names.subclass_key, names.protocol_key}) {
        const auto found = key.empty() ? keys.end() : keys.find(key);
        if (found == keys.end()) {
            continue;
        }
        auto term = CheckNumber(entry, key, found->second);
        if (!term) {
            return std::unexpected(std::move(term.error()));
        }
        terms.push_back(*term);
    }
    return terms;
}

/// A row of the family's table: the keys that make it, and those that may stand beside them.
struct Row {
    int64_t score = 0;
    std::vector<std::string_view> keys;
    std::vector<std::string_view> allowed;
};

std::vector<Row> RowsFor(const KeyNames &names, bool is_vendor_specific) {
    std::vector<std::string_view> product = {kVendor, kProduct};
    for (const std::string_view key : names.place_keys) {
        if (!key.empty()) {
            product.push_back(key);
        }
    }
    std::vector<std::string_view> release = product;
    release.push_back(kRelease);
    const std::string_view cls = names.class_key;
    const std::string_view sub = names.subclass_key;
    const std::string_view protocol = names.protocol_key;
    std::vector<Row> rows = {{100000, release, {cls, sub, protocol}},
                             {90000, product, {cls, sub, protocol}}};
    if (is_vendor_specific) {
        rows.push_back({80000, {kVendor, sub, protocol}, {cls}});
        rows.push_back({70000, {kVendor, sub}, {cls}});
    } else {
        rows.push_back({60000, {cls, sub, protocol}, {}});
        rows.push_back({50000, {cls, sub}, {}});
    }
    return rows;
}

bool IsRow(const Row &row, const std::vector<Term> &terms) {
    const bool has_all = std::ranges::all_of(row.keys, [&](std::string_view key) {
        return std::ranges::find(terms, key, &Term::key) != terms.end();
    });
    return has_all && std::ranges::all_of(terms, [&](const Term &term) {
               return std::ranges::find(row.keys, term.key) != row.keys.end() ||
                      std::ranges::find(row.allowed, term.key) != row.allowed.end();
           });
}

int64_t ScoreOf(const Row &row, const std::vector<Term> &terms) {
    int64_t score = row.score;
    for (const Term &term : terms) {
        if (std::ranges::find(row.keys, term.key) != row.keys.end()) {
            score -= (term.is_wildcard ? kWildcardCost : 0) + (term.uses_mask ? kMaskCost : 0);
        }
    }
    return score;
}

Mismatch NoSet(const RegistryEntry &entry, const std::vector<Term> &terms,
               const std::vector<Row> &rows) {
    std::vector<std::string> sets;
    for (const Row &row : rows) {
        sets.push_back(fmt::format("{}", fmt::join(row.keys, "+")));
    }
    std::vector<std::string_view> given;
    for (const Term &term : terms) {
        given.push_back(term.key);
    }
    const KeyNames &names = KeysOf(entry);
    const uint64_t entry_class = NumberProperty(entry.properties, names.class_key).value_or(0);
    return {
        .key = given.empty() ? std::string("no USB key") : fmt::format("{}", fmt::join(given, "+")),
        .reason = fmt::format(
            "selects no USB {}; for {}, which is of class {:#x}, use exactly one of these: {}",
            names.kind, UsbEntryText(entry), entry_class, fmt::join(sets, ", "))};
}

}  // namespace

bool IsUsbEntry(const RegistryEntry &entry) {
    return KernelClassConforms(entry.class_name, "IOUSBHostDevice") ||
           KernelClassConforms(entry.class_name, "IOUSBHostInterface");
}

std::string UsbEntryText(const RegistryEntry &entry) {
    const auto number = NumberProperty(entry.properties, kInterfaceKeys.place_keys[1]);
    if (!number) {
        return fmt::format("'{}'", entry.name);
    }
    const std::string product = StringProperty(entry.properties, "USB Product Name");
    return product.empty() ? fmt::format("interface {}", *number)
                           : fmt::format("interface {} of '{}'", *number, product);
}

std::optional<Mismatch> FindUsbKeyMismatch(const RegistryEntry &entry, const Dictionary &keys) {
    auto terms = CheckKeys(entry, keys);
    return terms ? std::nullopt : std::optional(std::move(terms.error()));
}

std::expected<int64_t, Mismatch> MatchUsbKeys(const RegistryEntry &entry, const Dictionary &keys) {
    const auto terms = CheckKeys(entry, keys);
    if (!terms) {
        return std::unexpected(terms.error());
    }
    const auto entry_class = NumberProperty(entry.properties, KeysOf(entry).class_key);
    const std::vector<Row> rows = RowsFor(KeysOf(entry), entry_class == kVendorSpecific);
    for (const Row &row : rows) {
        if (IsRow(row, *terms)) {
            return ScoreOf(row, *terms);
        }
    }
    return std::unexpected(NoSet(entry, *terms, rows));
}

bool HasUsbKeys(const RegistryEntry &entry, const Dictionary &keys) {
    const KeyNames &names = KeysOf(entry);
    return std::ranges::any_of(keys, [&](const auto &pair) {
        const std::string_view key = pair.first;
        return key == kVendor || key == kProduct || key == kProductArray || key == kRelease ||
               key == names.class_key || key == names.subclass_key || key == names.protocol_key ||
               std::ranges::find(names.place_keys, key) != names.place_keys.end();
    });
}

}  // namespace opendext::registry
