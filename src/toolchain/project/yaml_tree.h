// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace opendext::toolchain {

/// A value of a YAML document: a text, a list, or a map. Each knows its line. Anchors are followed, `<<` is merged,
/// and scalars are texts, whatever YAML takes them for: 1.0 and NO stay as they are written.
class YamlValue {
public:
    using List = std::vector<YamlValue>;
    /// In the order of the document.
    using Map = std::vector<std::pair<std::string, YamlValue>>;

    YamlValue() = default;
    YamlValue(std::string text, int line) : value_(std::move(text)), line_(line) {}
    YamlValue(List list, int line) : value_(std::move(list)), line_(line) {}
    YamlValue(Map map, int line) : value_(std::move(map)), line_(line) {}

    /// Counted from 1; 0: of no document.
    [[nodiscard]] int line() const { return line_; }
    /// The contents when the value is of that kind, else NULL. Borrowed from this object.
    [[nodiscard]] const std::string *IfText() const { return std::get_if<std::string>(&value_); }
    [[nodiscard]] const List *IfList() const { return std::get_if<List>(&value_); }
    [[nodiscard]] const Map *IfMap() const { return std::get_if<Map>(&value_); }
    [[nodiscard]] std::string *IfText() { return std::get_if<std::string>(&value_); }
    [[nodiscard]] List *IfList() { return std::get_if<List>(&value_); }
    [[nodiscard]] Map *IfMap() { return std::get_if<Map>(&value_); }

    /// The value of `key` when this is a map that has it, else NULL. Borrowed from this object.
    [[nodiscard]] const YamlValue *Find(std::string_view key) const;
    [[nodiscard]] YamlValue *Find(std::string_view key);
    /// The text of `key`, or an empty one. Borrowed from this object.
    [[nodiscard]] const std::string &Text(std::string_view key) const;
    /// The texts of `key`: of a list, or the one that stands there instead of a list.
    [[nodiscard]] std::vector<std::string> Texts(std::string_view key) const;

private:
    std::variant<std::string, List, Map> value_;
    int line_ = 0;
};

/// Reads one YAML document. More than 100,000 values, also by anchors that are used many times, and values within
/// each other deeper than 64 are errors. The error is `FILE:LINE: error: ...`.
[[nodiscard]] std::expected<YamlValue, std::string> ParseYaml(std::string_view text,
                                                              const std::filesystem::path &file);

}  // namespace opendext::toolchain
