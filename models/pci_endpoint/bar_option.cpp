// SPDX-License-Identifier: Apache-2.0
#include "models/pci_endpoint/bar_option.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/checked.h"

namespace opendext::models {
namespace {

using backends::BarKind;

struct NamedKind {
    std::string_view name;
    BarKind kind;
};

constexpr std::array kKinds = {
    NamedKind{"32", BarKind::kMemory32},
    NamedKind{"64", BarKind::kMemory64},
    NamedKind{"32p", BarKind::kMemory32Prefetchable},
    NamedKind{"64p", BarKind::kMemory64Prefetchable},
    NamedKind{"io", BarKind::kIo},
};

std::optional<uint64_t> ParseBytes(std::string_view text) {
    uint64_t number = 0;
    const char *const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc()) {
        return std::nullopt;
    }
    const std::string_view unit(rest, static_cast<size_t>(end - rest));
    constexpr std::string_view kUnits = "kmg";
    if (unit.empty()) {
        return number;
    }
    const size_t power = kUnits.find(unit.front());
    if (unit.size() != 1 || power == std::string_view::npos) {
        return std::nullopt;
    }
    return CheckedMultiply<uint64_t>(number, 1ULL << (10 * (power + 1)));
}

}  // namespace

std::optional<BarOption> ParseBarOption(std::string_view text) {
    const size_t slash = text.find('/');
    const auto num_bytes = ParseBytes(text.substr(0, slash));
    if (!num_bytes) {
        return std::nullopt;
    }
    if (slash == std::string_view::npos) {
        return BarOption{.num_bytes = *num_bytes};
    }
    const auto *const found = std::ranges::find(kKinds, text.substr(slash + 1), &NamedKind::name);
    if (found == kKinds.end()) {
        return std::nullopt;
    }
    return BarOption{.num_bytes = *num_bytes, .kind = found->kind};
}

}  // namespace opendext::models
