// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::models {

/// The options of a model as `--device model:NAME,option=value,...` gives them. Each Take hands out one; what nobody has
/// taken is a mistake. Keeps the first mistake, in one line that says what would have been right.
class ModelOptions {
public:
    /// `text`: what follows the name and its comma. `known`: the catalog's list of options, for errors. Borrows all.
    ModelOptions(std::string_view model, std::string_view text, std::string_view known);

    /// A number from `least` to `most`; `fallback` when it is left out.
    [[nodiscard]] uint64_t TakeNumber(std::string_view name, uint64_t fallback, uint64_t least,
                                      uint64_t most);

    /// As TakeNumber; a power of two.
    [[nodiscard]] uint64_t TakePowerOfTwo(std::string_view name, uint64_t fallback, uint64_t most);

    /// The place of the value in `choices`; 0, the first, when it is left out.
    [[nodiscard]] size_t TakeChoice(std::string_view name,
                                    std::initializer_list<std::string_view> choices);

    /// The text of an option; nullopt when it is left out.
    [[nodiscard]] std::optional<std::string_view> Take(std::string_view name);

    /// Keeps the mistake that `value` is not what the option `name` takes.
    void Fail(std::string_view name, std::string_view value, std::string_view takes,
              std::string_view example);

    /// The first mistake; nullopt: there is none. Call it last.
    [[nodiscard]] std::optional<std::string> FindMistake();

private:
    struct Option {
        std::string_view name;
        std::string_view value;
    };

    const std::string_view model_;
    const std::string_view known_;
    std::vector<Option> options_;
    std::optional<std::string> mistake_;
};

}  // namespace opendext::models
