// SPDX-License-Identifier: Apache-2.0
#include "models/model_options.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <charconv>

namespace opendext::models {
namespace {

// Decimal, or hexadecimal after 0x.
std::optional<uint64_t> ParseNumber(std::string_view text) {
    const bool is_hexadecimal = text.starts_with("0x");
    if (is_hexadecimal) {
        text.remove_prefix(2);
    }
    uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, is_hexadecimal ? 16 : 10);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

}  // namespace

ModelOptions::ModelOptions(std::string_view model, std::string_view text, std::string_view known)
    : model_(model), known_(known) {
    while (!text.empty()) {
        const std::string_view each = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), each.size() + 1));
        const size_t equals = each.find('=');
        const bool has_value = equals != std::string_view::npos;
        options_.push_back(
            {.name = each.substr(0, equals), .value = has_value ? each.substr(equals + 1) : ""});
    }
}

std::optional<std::string_view> ModelOptions::Take(std::string_view name) {
    std::optional<std::string_view> value;
    // The last one counts when there are several.
    std::erase_if(options_, [&](const Option &each) {
        if (each.name != name) {
            return false;
        }
        value = each.value;
        return true;
    });
    return value;
}

void ModelOptions::Fail(std::string_view name, std::string_view value, std::string_view takes,
                        std::string_view example) {
    if (!mistake_) {
        mistake_ = fmt::format("model {}: {} is '{}'; it takes {}, like {}={}", model_, name, value,
                               takes, name, example);
    }
}

uint64_t ModelOptions::TakeNumber(std::string_view name, uint64_t fallback, uint64_t least,
                                  uint64_t most) {
    const auto text = Take(name);
    if (!text) {
        return fallback;
    }
    const auto number = ParseNumber(*text);
    if (!number || *number < least || *number > most) {
        Fail(name, *text, fmt::format("a number from {} to {}", least, most),
             std::to_string(fallback));
        return fallback;
    }
    return *number;
}

uint64_t ModelOptions::TakePowerOfTwo(std::string_view name, uint64_t fallback, uint64_t most) {
    const auto text = Take(name);
    if (!text) {
        return fallback;
    }
    const auto number = ParseNumber(*text);
    if (!number || !std::has_single_bit(*number) || *number > most) {
        Fail(name, *text, fmt::format("a power of two from 1 to {}", most),
             std::to_string(fallback));
        return fallback;
    }
    return *number;
}

size_t ModelOptions::TakeChoice(std::string_view name,
                                std::initializer_list<std::string_view> choices) {
    const auto text = Take(name);
    if (!text) {
        return 0;
    }
    const auto *const found = std::ranges::find(choices, *text);
    if (found == choices.end()) {
        Fail(name, *text, fmt::format("one of {}", fmt::join(choices, ", ")), *choices.begin());
        return 0;
    }
    return static_cast<size_t>(found - choices.begin());
}

std::optional<std::string> ModelOptions::FindMistake() {
    if (!mistake_ && !options_.empty()) {
        mistake_ = fmt::format("model {} has no option '{}'; it has {}", model_,
                               options_.front().name, known_);
    }
    return mistake_;
}

}  // namespace opendext::models
