// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/yaml_tree.h"

#include <yaml.h>
#include <algorithm>

#include <fmt/format.h>

#include "toolchain/project/source_place.h"

namespace opendext::toolchain {

namespace {

constexpr size_t kMaxNumValues = 100'000;
constexpr size_t kMaxNumBytes = size_t{16} << 20;  // of all texts
constexpr int kMaxDepth = 64;

int LineOf(const yaml_mark_t &mark) {
    return static_cast<int>(mark.line) + 1;
}

/// Takes a document of libyaml's, where anchors are shared, apart into a tree.
class Converter {
public:
    Converter(yaml_document_t &document, const std::filesystem::path &file)
        : document_(document), file_(file) {}

    std::expected<YamlValue, std::string> Convert(yaml_node_t *node, int depth) {
        const int line = LineOf(node->start_mark);
        if (++num_values_ > kMaxNumValues || num_bytes_ > kMaxNumBytes) {
            return Fail(line, "the document is too large; are anchors used in anchors?");
        }
        if (depth > kMaxDepth) {
            return Fail(line, "values are within each other more than 64 deep");
        }
        switch (node->type) {
            case YAML_SEQUENCE_NODE:
                return ConvertList(*node, depth);
            case YAML_MAPPING_NODE:
                return ConvertMap(*node, depth);
            case YAML_SCALAR_NODE:
                num_bytes_ += node->data.scalar.length;
                return YamlValue(TextOf(*node), line);
            default:
                return YamlValue(std::string(), line);
        }
    }

private:
    std::unexpected<std::string> Fail(int line, std::string_view message) const {
        return std::unexpected(SourcePlace{.file = file_, .line = line}.Error(message));
    }

    static std::string TextOf(const yaml_node_t &node) {
        const std::string text(reinterpret_cast<const char *>(node.data.scalar.value),
                               node.data.scalar.length);
        const bool is_null =
            node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (text == "~" || text == "null");
        return is_null ? std::string() : text;
    }

    std::expected<YamlValue, std::string> ConvertList(const yaml_node_t &node, int depth) {
        YamlValue::List list;
        const auto &items = node.data.sequence.items;
        for (const yaml_node_item_t *item = items.start; item < items.top; ++item) {
            auto value = Convert(yaml_document_get_node(&document_, *item), depth + 1);
            if (!value) {
                return value;
            }
            list.push_back(*std::move(value));
        }
        return YamlValue(std::move(list), LineOf(node.start_mark));
    }

    std::expected<YamlValue, std::string> ConvertMap(const yaml_node_t &node, int depth) {
        YamlValue::Map map;
        std::vector<YamlValue> merged;
        const auto &pairs = node.data.mapping.pairs;
        for (const yaml_node_pair_t *pair = pairs.start; pair < pairs.top; ++pair) {
            const yaml_node_t &key = *yaml_document_get_node(&document_, pair->key);
            if (key.type != YAML_SCALAR_NODE) {
                return Fail(LineOf(key.start_mark), "a key is no text");
            }
            num_bytes_ += key.data.scalar.length;
            auto value = Convert(yaml_document_get_node(&document_, pair->value), depth + 1);
            if (!value) {
                return value;
            }
            std::string name(reinterpret_cast<const char *>(key.data.scalar.value),
                             key.data.scalar.length);
            if (name == "<<") {
                merged.push_back(*std::move(value));
            } else {
                map.emplace_back(std::move(name), *std::move(value));
            }
        }
        for (const YamlValue &source : merged) {
            Merge(source, map);
        }
        return YamlValue(std::move(map), LineOf(node.start_mark));
    }

    // What stands in the map itself comes first.
    static void Merge(const YamlValue &source, YamlValue::Map &map) {
        if (const auto *list = source.IfList()) {
            for (const YamlValue &element : *list) {
                if (element.IfMap() != nullptr) {
                    Merge(element, map);
                }
            }
        }
        if (const auto *pairs = source.IfMap()) {
            for (const auto &[name, value] : *pairs) {
                const bool is_there = std::ranges::any_of(
                    map, [&name](const auto &pair) { return pair.first == name; });
                if (!is_there) {
                    map.emplace_back(name, value);
                }
            }
        }
    }

    yaml_document_t &document_;
    const std::filesystem::path &file_;
    size_t num_values_ = 0;
    size_t num_bytes_ = 0;
};

}  // namespace

const YamlValue *YamlValue::Find(std::string_view key) const {
    if (const Map *map = IfMap()) {
        const auto found =
            std::ranges::find_if(*map, [key](const auto &pair) { return pair.first == key; });
        return found == map->end() ? nullptr : &found->second;
    }
    return nullptr;
}

YamlValue *YamlValue::Find(std::string_view key) {
    return const_cast<YamlValue *>(std::as_const(*this).Find(key));
}

const std::string &YamlValue::Text(std::string_view key) const {
    static const std::string kNone;
    const YamlValue *value = Find(key);
    const std::string *text = value == nullptr ? nullptr : value->IfText();
    return text == nullptr ? kNone : *text;
}

std::vector<std::string> YamlValue::Texts(std::string_view key) const {
    const YamlValue *value = Find(key);
    std::vector<std::string> texts;
    if (value != nullptr && value->IfText() != nullptr) {
        texts.push_back(*value->IfText());
    } else if (value != nullptr && value->IfList() != nullptr) {
        for (const YamlValue &element : *value->IfList()) {
            if (element.IfText() != nullptr) {
                texts.push_back(*element.IfText());
            }
        }
    }
    return texts;
}

std::expected<YamlValue, std::string> ParseYaml(std::string_view text,
                                                const std::filesystem::path &file) {
    yaml_parser_t parser;
    yaml_document_t document;
    const SourcePlace place{.file = file, .line = 1};
    if (yaml_parser_initialize(&parser) == 0) {
        return std::unexpected(place.Error("there is no memory to read it"));
    }
    yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char *>(text.data()),
                                 text.size());
    std::expected<YamlValue, std::string> value;
    if (yaml_parser_load(&parser, &document) == 0) {
        value =
            std::unexpected(SourcePlace{.file = file, .line = LineOf(parser.problem_mark)}.Error(
                parser.problem == nullptr ? "is no YAML" : parser.problem));
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&document);
        value = root == nullptr ? std::unexpected(place.Error("the document is empty"))
                                : Converter(document, file).Convert(root, 0);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return value;
}

}  // namespace opendext::toolchain
