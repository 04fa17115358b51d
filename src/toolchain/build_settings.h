// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

namespace opendext::toolchain {

/// Xcode's build settings, as far as property lists name them: $(NAME), ${NAME}, with the modifiers of
/// setting_modifiers.h in any number, and default= for what is empty or unknown. The values are final: what
/// settings of a project make of each other is project/setting_levels.h's.
class BuildSettings {
public:
    /// The settings that a dext of bundle identifier `bundle_id` has in Xcode.
    [[nodiscard]] static BuildSettings ForDext(const std::string &bundle_id);

    void Set(std::string name, std::string value) {
        values_.insert_or_assign(std::move(name), std::move(value));
    }
    [[nodiscard]] std::string Get(std::string_view name) const;

    struct UnknownSetting {
        std::string name;
        int line = 0;  ///< Counted from 1.
    };
    /// `text` with every reference replaced. A setting that is not known is an error, unless `keep_unknown`:
    /// then the reference stays as it is. `encode` makes a value fit the text around it; NULL: as it is.
    [[nodiscard]] std::expected<std::string, UnknownSetting> Expand(
        std::string_view text, bool keep_unknown = false,
        std::string (*encode)(std::string_view) = nullptr) const;

private:
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace opendext::toolchain
