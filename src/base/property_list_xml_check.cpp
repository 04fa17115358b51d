// SPDX-License-Identifier: Apache-2.0
#include <libxml/parser.h>
#include <libxml/xmlreader.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/property_list_check.h"

namespace opendext {
namespace {

constexpr std::array<std::string_view, 10> kElements = {
    "plist", "dict", "array", "key", "string", "integer", "real", "data", "true", "false"};

bool IsContainer(std::string_view name) {
    return name == "plist" || name == "dict" || name == "array";
}

bool IsBlank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string_view Trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    const size_t last = text.find_last_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, last - first + 1);
}

bool IsInteger(std::string_view text) {
    text = Trimmed(text);
    if (text.starts_with('-') || text.starts_with('+')) {
        text.remove_prefix(1);
    }
    const bool is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (is_hexadecimal) {
        text.remove_prefix(2);
    }
    const auto is_digit = [=](unsigned char c) {
        return (is_hexadecimal ? std::isxdigit(c) : std::isdigit(c)) != 0;
    };
    return !text.empty() && std::ranges::all_of(text, is_digit);
}

bool IsReal(std::string_view text) {
    const std::string number(Trimmed(text));
    char *end = nullptr;
    std::strtod(number.c_str(), &end);
    return !number.empty() && *end == '\0';
}

bool IsBase64(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '=' || std::isspace(c) != 0;
    });
}

class XmlWalk {
public:
    XmlWalk(std::string_view text, const PropertyListLimits &limits);
    std::expected<void, PropertyListError> Run();

private:
    struct OpenElement {
        std::string name;
        int line = 0;
        size_t num_children = 0;
        std::string text;  // Of a scalar; of a dict, the key that waits for its value.
    };

    static void OnError(void *walk, xmlErrorPtr error);
    std::string Explain(const xmlError &error) const;
    int Line() const;
    void Fail(std::string message, int line);
    void VisitNode(int type);
    void Open();
    void CheckPlace(const std::string &name, int line);
    void Close();
    void CheckScalar(const OpenElement &element);
    void AddText(bool is_significant);

    std::unique_ptr<xmlTextReader, decltype(&xmlFreeTextReader)> reader_;
    const PropertyListLimits &limits_;
    std::vector<OpenElement> open_;
    size_t num_values_ = 0;
    PropertyListError error_;
};

XmlWalk::XmlWalk(std::string_view text, const PropertyListLimits &limits)
    : reader_(xmlReaderForMemory(text.data(), static_cast<int>(text.size()), nullptr, nullptr,
                                 XML_PARSE_NONET | XML_PARSE_BIG_LINES),
              xmlFreeTextReader),
      limits_(limits) {}

void XmlWalk::OnError(void *walk, xmlErrorPtr error) {
    if (error->level >= XML_ERR_ERROR) {
        auto *self = static_cast<XmlWalk *>(walk);
        self->Fail(self->Explain(*error), error->line);
    }
}

// libxml2's own words, except where they mislead or leave the reader without a fix.
std::string XmlWalk::Explain(const xmlError &error) const {
    const bool is_cut =
        error.code == XML_ERR_DOCUMENT_END || error.code == XML_ERR_TAG_NOT_FINISHED;
    // The reader has not told of the last end tag yet, so what is open for certain is a container.
    const auto container =
        std::ranges::find_if(open_.rbegin(), open_.rend(),
                             [](const OpenElement &element) { return IsContainer(element.name); });
    if (is_cut && container != open_.rend()) {
        return fmt::format(
            "the file ends inside the <{}> of line {}; is the rest lost? It ends with </plist>",
            container->name, container->line);
    }
    if (open_.empty() &&
        (error.code == XML_ERR_DOCUMENT_EMPTY || error.code == XML_ERR_DOCUMENT_START || is_cut)) {
        return "no property list; one begins with <?xml version=\"1.0\" encoding=\"UTF-8\"?> and "
               "<plist version=\"1.0\">";
    }
    if (error.code == XML_ERR_TAG_NAME_MISMATCH && error.str1 != nullptr && error.str2 != nullptr) {
        return fmt::format("</{}> where the <{}> of line {} must be closed with </{}>", error.str2,
                           error.str1, error.int1, error.str1);
    }
    return std::string(Trimmed(error.message == nullptr ? "not XML" : error.message));
}

int XmlWalk::Line() const {
    return static_cast<int>(xmlGetLineNo(xmlTextReaderCurrentNode(reader_.get())));
}

void XmlWalk::Fail(std::string message, int line) {
    if (error_.message.empty()) {
        error_ = {.message = std::move(message), .line = line};
    }
}

std::expected<void, PropertyListError> XmlWalk::Run() {
    if (reader_ == nullptr) {
        return std::unexpected(PropertyListError{.message = "not enough memory"});
    }
    xmlTextReaderSetStructuredErrorHandler(reader_.get(), &XmlWalk::OnError, this);
    int status = 1;
    while (error_.message.empty() && (status = xmlTextReaderRead(reader_.get())) == 1) {
        VisitNode(xmlTextReaderNodeType(reader_.get()));
    }
    if (error_.message.empty() && status != 0) {
        Fail("not XML", 0);
    }
    if (!error_.message.empty()) {
        return std::unexpected(error_);
    }
    return {};
}

void XmlWalk::VisitNode(int type) {
    switch (type) {
        case XML_READER_TYPE_ELEMENT:
            Open();
            break;
        case XML_READER_TYPE_END_ELEMENT:
            Close();
            break;
        case XML_READER_TYPE_TEXT:
        case XML_READER_TYPE_CDATA:
            AddText(true);
            break;
        case XML_READER_TYPE_WHITESPACE:
        case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
            AddText(false);
            break;
        case XML_READER_TYPE_COMMENT:
        case XML_READER_TYPE_PROCESSING_INSTRUCTION:
            if (!open_.empty() && !IsContainer(open_.back().name)) {
                Fail(fmt::format("a comment inside <{}>; put it before the element",
                                 open_.back().name),
                     Line());
            }
            break;
        case XML_READER_TYPE_DOCUMENT_TYPE: {
            const xmlNode *node = xmlTextReaderCurrentNode(reader_.get());
            if (node != nullptr && node->children != nullptr) {
                Fail("declarations inside DOCTYPE are not allowed; remove the [...] part", Line());
            }
            break;
        }
        case XML_READER_TYPE_ENTITY_REFERENCE:
            Fail("an entity of your own is not allowed; write its text", Line());
            break;
        default:
            break;
    }
}

void XmlWalk::Open() {
    const auto *raw_name = reinterpret_cast<const char *>(xmlTextReaderConstName(reader_.get()));
    OpenElement element{.name = raw_name, .line = Line()};
    if (element.name == "date") {
        Fail("<date> has no meaning to a driver; use <string> or <integer>", element.line);
    } else if (std::ranges::find(kElements, element.name) == kElements.end()) {
        Fail(fmt::format("<{}> is not an element of property lists", element.name), element.line);
    }
    CheckPlace(element.name, element.line);
    if (++num_values_ > limits_.max_num_values) {
        Fail(fmt::format("more than {} values", limits_.max_num_values), element.line);
    }
    // The element plist is a level of the file, not of the value.
    if (open_.size() > limits_.max_depth) {
        Fail(fmt::format("nested deeper than {} levels", limits_.max_depth), element.line);
    }
    const bool is_empty = xmlTextReaderIsEmptyElement(reader_.get()) == 1;
    open_.push_back(std::move(element));
    if (is_empty) {
        Close();
    }
}

void XmlWalk::CheckPlace(const std::string &name, int line) {
    if (open_.empty()) {
        if (name != "plist") {
            Fail(fmt::format("<{}> where <plist> must come first", name), line);
        }
        return;
    }
    OpenElement &parent = open_.back();
    const size_t index = parent.num_children++;
    if (!IsContainer(parent.name) || name == "plist") {
        Fail(fmt::format("<{}> inside <{}>", name, parent.name), line);
    } else if (parent.name == "plist" && index > 0) {
        Fail("<plist> holds more than one value", line);
    } else if (parent.name == "dict" && index % 2 == 0 && name != "key") {
        Fail(fmt::format("<{}> where <key> must come: in <dict>, each value needs a key before it",
                         name),
             line);
    } else if (parent.name == "dict" && index % 2 == 1 && name == "key") {
        Fail(fmt::format("the key \"{}\" has no value", parent.text), line);
    } else if (parent.name != "dict" && name == "key") {
        Fail(fmt::format("<key> inside <{}>", parent.name), line);
    }
}

void XmlWalk::Close() {
    const OpenElement element = std::move(open_.back());
    open_.pop_back();
    if (element.name == "plist" && element.num_children == 0) {
        Fail("<plist> holds no value", element.line);
    } else if (element.name == "dict" && element.num_children % 2 == 1) {
        Fail(fmt::format("the key \"{}\" has no value", element.text), Line());
    } else if (element.name == "key") {
        if (!open_.empty()) {
            open_.back().text = element.text;
        }
    } else {
        CheckScalar(element);
    }
}

void XmlWalk::CheckScalar(const OpenElement &element) {
    const std::string shown = element.text.substr(0, 40);
    if (element.name == "integer" && !IsInteger(element.text)) {
        Fail(fmt::format("\"{}\" is not an integer", shown), element.line);
    } else if (element.name == "real" && !IsReal(element.text)) {
        Fail(fmt::format("\"{}\" is not a number", shown), element.line);
    } else if (element.name == "data" && !IsBase64(element.text)) {
        Fail(fmt::format("\"{}\" is not base64", shown), element.line);
    } else if ((element.name == "true" || element.name == "false") && !IsBlank(element.text)) {
        Fail(fmt::format("text inside <{}>", element.name), element.line);
    }
}

void XmlWalk::AddText(bool is_significant) {
    const auto *value = reinterpret_cast<const char *>(xmlTextReaderConstValue(reader_.get()));
    if (open_.empty() || value == nullptr) {
        return;
    }
    if (!IsContainer(open_.back().name)) {
        open_.back().text += value;
    } else if (is_significant && !IsBlank(value)) {
        const std::string_view shown = Trimmed(value).substr(0, 40);
        Fail(fmt::format("the text \"{}\" stands in <{}> without an element", shown,
                         open_.back().name),
             Line());
    }
}

}  // namespace

std::expected<void, PropertyListError> CheckXmlPropertyList(std::string_view text,
                                                            const PropertyListLimits &limits) {
    static std::once_flag once;
    std::call_once(once, xmlInitParser);
    return XmlWalk(text, limits).Run();
}

}  // namespace opendext
