// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/openstep_list.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "toolchain/project/source_place.h"

namespace opendext::toolchain {

namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxNumBytes = size_t{64} << 20;

bool IsUnquoted(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '/' ||
           c == ':' || c == '.' || c == '-';
}

void AppendUtf8(uint32_t code, std::string &text) {
    if (code < 0x80) {
        text.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        text.push_back(static_cast<char>(0xc0 | (code >> 6)));
        text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {
        text.push_back(static_cast<char>(0xe0 | (code >> 12)));
        text.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
        text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
}

int HexDigit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class Parser {
public:
    Parser(std::string_view text, const std::filesystem::path &file) : rest_(text), file_(file) {}

    std::expected<OpenStepValue, std::string> Run() {
        if (rest_.size() > kMaxNumBytes) {
            return Fail("the file is larger than 64 MiB");
        }
        if (rest_.starts_with("\xef\xbb\xbf")) {
            rest_.remove_prefix(3);
        }
        auto value = ReadValue(0);
        if (!value) {
            return value;
        }
        if (!SkipSpace()) {
            return Fail(error_);
        }
        if (!rest_.empty()) {
            return Fail("something follows the end of the list; remove it");
        }
        return value;
    }

private:
    std::unexpected<std::string> Fail(std::string_view message) const {
        return std::unexpected(SourcePlace{.file = file_, .line = line_}.Error(message));
    }

    void Advance(size_t num_chars) {
        line_ += static_cast<int>(
            std::count(rest_.begin(), rest_.begin() + static_cast<long>(num_chars), '\n'));
        rest_.remove_prefix(num_chars);
    }

    // Past blanks and comments. False with error_: a comment that does not end.
    bool SkipSpace() {
        while (!rest_.empty()) {
            if (std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
                Advance(1);
            } else if (rest_.starts_with("//")) {
                Advance(std::min(rest_.find('\n'), rest_.size()));
            } else if (rest_.starts_with("/*")) {
                const size_t end = rest_.find("*/", 2);
                if (end == std::string_view::npos) {
                    error_ = "a comment begins here and does not end; add */";
                    return false;
                }
                Advance(end + 2);
            } else {
                return true;
            }
        }
        return true;
    }

    std::expected<OpenStepValue, std::string> ReadValue(int depth) {
        if (!SkipSpace()) {
            return Fail(error_);
        }
        if (rest_.empty()) {
            return Fail("the file ends where a value should be; it is not complete");
        }
        if (depth > kMaxDepth) {
            return Fail("lists are within each other more than 64 deep");
        }
        const int line = line_;
        switch (rest_.front()) {
            case '{':
                return ReadDictionary(depth);
            case '(':
                return ReadArray(depth);
            case '<':
                return Fail(rest_.starts_with("<?xml")
                                ? "this is an XML list, and projects are OpenStep lists; save the "
                                  "project with Xcode"
                                : "data is not expected in a project");
            default: {
                auto text = ReadString();
                if (!text) {
                    return std::unexpected(std::move(text.error()));
                }
                return OpenStepValue(*std::move(text), line);
            }
        }
    }

    std::expected<OpenStepValue, std::string> ReadDictionary(int depth) {
        const int line = line_;
        OpenStepValue::Dictionary dictionary;
        Advance(1);
        for (;;) {
            if (!SkipSpace()) {
                return Fail(error_);
            }
            if (rest_.starts_with("}")) {
                Advance(1);
                return OpenStepValue(std::move(dictionary), line);
            }
            auto key = ReadString();
            if (!key) {
                return std::unexpected(std::move(key.error()));
            }
            if (!Take('=')) {
                return Fail(fmt::format("expected '=' after the key '{}'", *key));
            }
            auto value = ReadValue(depth + 1);
            if (!value) {
                return value;
            }
            if (!Take(';')) {
                return Fail(fmt::format("expected ';' after the value of '{}'", *key));
            }
            dictionary.insert_or_assign(*std::move(key), *std::move(value));
        }
    }

    std::expected<OpenStepValue, std::string> ReadArray(int depth) {
        const int line = line_;
        OpenStepValue::Array array;
        Advance(1);
        for (;;) {
            if (Take(')')) {
                return OpenStepValue(std::move(array), line);
            }
            auto value = ReadValue(depth + 1);
            if (!value) {
                return value;
            }
            array.push_back(*std::move(value));
            if (!Take(',')) {
                if (!Take(')')) {
                    return Fail("expected ',' or ')' after an element of an array");
                }
                return OpenStepValue(std::move(array), line);
            }
        }
    }

    bool Take(char c) {
        if (!SkipSpace() || rest_.empty() || rest_.front() != c) {
            return false;
        }
        Advance(1);
        return true;
    }

    std::expected<std::string, std::string> ReadString() {
        if (!rest_.empty() && (rest_.front() == '"' || rest_.front() == '\'')) {
            return ReadQuoted();
        }
        const size_t num_chars =
            static_cast<size_t>(std::ranges::find_if_not(rest_, IsUnquoted) - rest_.begin());
        if (num_chars == 0) {
            return rest_.empty() ? Fail("the file ends within a list; it is not complete")
                                 : Fail(fmt::format(
                                       "unexpected character 0x{:02x}; is this a merge conflict?",
                                       static_cast<unsigned char>(rest_.front())));
        }
        std::string text(rest_.substr(0, num_chars));
        Advance(num_chars);
        return text;
    }

    std::expected<std::string, std::string> ReadQuoted() {
        const char quote = rest_.front();
        const int line = line_;
        std::string text;
        Advance(1);
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (c == '\\' && rest_.size() > 1) {
                ReadEscape(text);
                continue;
            }
            Advance(1);
            if (c == quote) {
                return text;
            }
            text.push_back(c);
        }
        line_ = line;
        return Fail("a quoted text begins here and does not end");
    }

    // At a backslash with something after it.
    void ReadEscape(std::string &text) {
        constexpr std::string_view kNames = "abfnrtv";
        constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
        const char c = rest_[1];
        const size_t named = kNames.find(c);
        if (c == 'U') {
            uint32_t code = 0;
            size_t at = 2;
            for (; at < 6 && at < rest_.size() && HexDigit(rest_[at]) >= 0; ++at) {
                code = (code << 4) | static_cast<uint32_t>(HexDigit(rest_[at]));
            }
            AppendUtf8(code, text);
            Advance(at);
        } else if (c >= '0' && c <= '7') {
            uint32_t code = 0;
            size_t at = 1;
            for (; at < 4 && at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '7'; ++at) {
                code = (code << 3) | static_cast<uint32_t>(rest_[at] - '0');
            }
            text.push_back(static_cast<char>(code & 0xff));
            Advance(at);
        } else {
            text.push_back(named == std::string_view::npos ? c : kMeanings[named]);
            Advance(2);
        }
    }

    std::string_view rest_;
    const std::filesystem::path &file_;
    int line_ = 1;
    std::string error_;
};

}  // namespace

const OpenStepValue *OpenStepValue::Find(std::string_view key) const {
    const Dictionary *dictionary = IfDictionary();
    if (dictionary == nullptr) {
        return nullptr;
    }
    const auto found = dictionary->find(key);
    return found == dictionary->end() ? nullptr : &found->second;
}

const std::string &OpenStepValue::Text(std::string_view key) const {
    static const std::string kNone;
    const OpenStepValue *value = Find(key);
    const std::string *text = value == nullptr ? nullptr : value->IfString();
    return text == nullptr ? kNone : *text;
}

std::expected<OpenStepValue, std::string> ParseOpenStepList(std::string_view text,
                                                            const std::filesystem::path &file) {
    return Parser(text, file).Run();
}

}  // namespace opendext::toolchain
