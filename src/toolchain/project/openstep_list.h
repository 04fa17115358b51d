// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace opendext::toolchain {

/// A value of an OpenStep property list, the form in which Xcode writes project.pbxproj: strings, ( arrays ),
/// and { dictionaries }. Each knows its line.
class OpenStepValue {
public:
    using Array = std::vector<OpenStepValue>;
    /// Sorted by key. Of a key that comes twice, the last counts.
    using Dictionary = std::map<std::string, OpenStepValue, std::less<>>;

    OpenStepValue() = default;
    OpenStepValue(std::string text, int line) : value_(std::move(text)), line_(line) {}
    OpenStepValue(Array array, int line) : value_(std::move(array)), line_(line) {}
    OpenStepValue(Dictionary dictionary, int line) : value_(std::move(dictionary)), line_(line) {}

    /// Where the value begins, counted from 1.
    [[nodiscard]] int line() const { return line_; }

    /// The contents when the value is of that kind, else NULL. Borrowed from this object.
    [[nodiscard]] const std::string *IfString() const { return std::get_if<std::string>(&value_); }
    [[nodiscard]] const Array *IfArray() const { return std::get_if<Array>(&value_); }
    [[nodiscard]] const Dictionary *IfDictionary() const {
        return std::get_if<Dictionary>(&value_);
    }
    /// The value of `key` when this is a dictionary that has it, else NULL. Borrowed from this object.
    [[nodiscard]] const OpenStepValue *Find(std::string_view key) const;
    /// The text of `key`, or an empty one. Borrowed from this object.
    [[nodiscard]] const std::string &Text(std::string_view key) const;

private:
    std::variant<std::string, Array, Dictionary> value_;
    int line_ = 0;
};

/// Reads a whole OpenStep list. Data (`<0f>`), which projects do not have, is an error, and so are lists within
/// each other deeper than 64 and a text above 64 MiB. The error is one line, `FILE:LINE: error: ...`.
[[nodiscard]] std::expected<OpenStepValue, std::string> ParseOpenStepList(
    std::string_view text, const std::filesystem::path &file);

}  // namespace opendext::toolchain
