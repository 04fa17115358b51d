// SPDX-License-Identifier: Apache-2.0
#include "registry/pci_match.h"

#include <charconv>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace opendext::registry {

namespace {

struct Term {
    uint32_t value = 0;
    uint32_t mask = 0;
};

std::optional<uint32_t> ParseHex(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
    }
    uint32_t value = 0;
    const char *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
    if (text.empty() || error != std::errc() || stop != end) {
        return std::nullopt;
    }
    return value;
}

std::optional<Term> ParseTerm(std::string_view text, uint32_t default_mask) {
    const size_t separator = text.find('&');
    const auto value = ParseHex(text.substr(0, separator));
    const auto mask = separator == std::string_view::npos ? std::optional(default_mask)
                                                          : ParseHex(text.substr(separator + 1));
    if (!value || !mask) {
        return std::nullopt;
    }
    return Term{.value = *value, .mask = *mask};
}

std::expected<std::vector<Term>, std::string> ParseTerms(std::string_view key,
                                                         std::string_view text,
                                                         uint32_t default_mask) {
    constexpr std::string_view kBlanks = " \t\n\r";
    std::vector<Term> terms;
    size_t start = text.find_first_not_of(kBlanks);
    while (start != std::string_view::npos) {
        const size_t end = text.find_first_of(kBlanks, start);
        const std::string_view word = text.substr(start, end - start);
        const auto term = ParseTerm(word, default_mask);
        if (!term) {
            return std::unexpected(
                fmt::format("{}: '{}' is no hexadecimal number with an optional &mask; write it "
                            "like 0x702410ee&0xffffffff",
                            key, word));
        }
        terms.push_back(*term);
        start = end == std::string_view::npos ? end : text.find_first_not_of(kBlanks, end);
    }
    return terms;
}

bool AnyHolds(const std::vector<Term> &terms, uint32_t reg) {
    for (const Term &term : terms) {
        if ((reg & term.mask) == (term.value & term.mask)) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool IsPciMatchKey(std::string_view key) {
    return key == "IOPCIMatch" || key == "IOPCIPrimaryMatch" || key == "IOPCISecondaryMatch" ||
           key == "IOPCIClassMatch";
}

std::expected<bool, std::string> PciKeyMatches(std::string_view key, std::string_view text,
                                               const PciIdentity &identity) {
    const bool is_class = key == "IOPCIClassMatch";
    const auto terms = ParseTerms(key, text, is_class ? 0xffffff00U : 0xffffffffU);
    if (!terms) {
        return std::unexpected(terms.error());
    }
    if (is_class) {
        return AnyHolds(*terms, identity.class_revision);
    }
    if (key == "IOPCIPrimaryMatch") {
        return AnyHolds(*terms, identity.device_vendor);
    }
    if (key == "IOPCISecondaryMatch") {
        return AnyHolds(*terms, identity.subsystem_vendor);
    }
    return AnyHolds(*terms, identity.device_vendor) || AnyHolds(*terms, identity.subsystem_vendor);
}

}  // namespace opendext::registry
