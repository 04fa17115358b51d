// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/source_text.h"

#include <algorithm>

namespace opendext::iig {

namespace {

bool IsIdentifierStart(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
}

bool IsDigit(unsigned char c) {
    return c >= '0' && c <= '9';
}

bool IsSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}

    std::vector<Token> Run() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\n') {
                is_line_start_ = true;
                ++at_;
            } else if (IsSpace(c) || (c == '\\' && Peek(1) == '\n')) {
                at_ += c == '\\' ? 2 : 1;
            } else {
                Next(c);
            }
        }
        return std::move(tokens_);
    }

private:
    [[nodiscard]] char Peek(size_t ahead) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }

    void Push(TokenKind kind, size_t end) {
        end = std::min(end, text_.size());
        tokens_.push_back({kind, at_, end, text_.substr(at_, end - at_)});
        at_ = end;
        if (kind != TokenKind::kComment) {
            is_line_start_ = false;
        }
    }

    void Next(char c) {
        if (c == '/' && (Peek(1) == '/' || Peek(1) == '*')) {
            Push(TokenKind::kComment, CommentEnd(at_));
        } else if (c == '#' && is_line_start_) {
            Push(TokenKind::kDirective, DirectiveEnd());
        } else if (IsIdentifierStart(static_cast<unsigned char>(c))) {
            IdentifierOrPrefixedLiteral();
        } else if (IsDigit(static_cast<unsigned char>(c)) ||
                   (c == '.' && IsDigit(static_cast<unsigned char>(Peek(1))))) {
            Push(TokenKind::kNumber, NumberEnd());
        } else if (c == '"' || c == '\'') {
            Push(TokenKind::kLiteral, LiteralEnd(at_));
        } else {
            Push(TokenKind::kPunctuator, at_ + 1);
        }
    }

    [[nodiscard]] size_t CommentEnd(size_t begin) const {
        if (text_[begin + 1] == '/') {
            return LineEnd(begin);
        }
        const size_t end = text_.find("*/", begin + 2);
        return end == std::string_view::npos ? text_.size() : end + 2;
    }

    // The line break that ends the line, continuation lines included.
    [[nodiscard]] size_t LineEnd(size_t begin) const {
        for (size_t i = begin; i < text_.size(); ++i) {
            const size_t last = i > 1 && text_[i - 1] == '\r' ? i - 2 : i - 1;
            if (text_[i] == '\n' && text_[last] != '\\') {
                return i;
            }
        }
        return text_.size();
    }

    // A comment at the end of a directive is not part of it.
    [[nodiscard]] size_t DirectiveEnd() const {
        const size_t line_end = LineEnd(at_ + 1);
        for (size_t i = at_; i + 1 < line_end; ++i) {
            if (text_[i] == '"') {
                i = std::min(LiteralEnd(i), line_end) - 1;
            } else if (text_[i] == '/' && (text_[i + 1] == '/' || text_[i + 1] == '*')) {
                return i;
            }
        }
        return line_end;
    }

    void IdentifierOrPrefixedLiteral() {
        size_t end = at_;
        while (end < text_.size() && (IsIdentifierStart(static_cast<unsigned char>(text_[end])) ||
                                      IsDigit(static_cast<unsigned char>(text_[end])))) {
            ++end;
        }
        const std::string_view word = text_.substr(at_, end - at_);
        const bool is_prefix = word == "L" || word == "u" || word == "U" || word == "u8";
        if (end < text_.size() && text_[end] == '"' && word.size() <= 3 && word.ends_with('R')) {
            Push(TokenKind::kLiteral, RawStringEnd(end));
        } else if (end < text_.size() && is_prefix && (text_[end] == '"' || text_[end] == '\'')) {
            Push(TokenKind::kLiteral, LiteralEnd(end));
        } else {
            Push(TokenKind::kIdentifier, end);
        }
    }

    [[nodiscard]] size_t NumberEnd() const {
        size_t end = at_;
        while (end < text_.size()) {
            const auto c = static_cast<unsigned char>(text_[end]);
            const bool is_exponent_sign = (c == '+' || c == '-') && end > at_ &&
                                          std::string_view("eEpP").contains(text_[end - 1]) &&
                                          !text_.substr(at_).starts_with("0x");
            if (!IsIdentifierStart(c) && !IsDigit(c) && c != '.' && c != '\'' &&
                !is_exponent_sign) {
                break;
            }
            ++end;
        }
        return end;
    }

    [[nodiscard]] size_t LiteralEnd(size_t begin) const {
        for (size_t i = begin + 1; i < text_.size(); ++i) {
            if (text_[i] == '\\') {
                ++i;
            } else if (text_[i] == text_[begin]) {
                return i + 1;
            } else if (text_[i] == '\n') {
                return i;
            }
        }
        return text_.size();
    }

    [[nodiscard]] size_t RawStringEnd(size_t quote) const {
        const size_t open = text_.find('(', quote);
        if (open == std::string_view::npos || open - quote > 17) {
            return LiteralEnd(quote);
        }
        const std::string close =
            ")" + std::string(text_.substr(quote + 1, open - quote - 1)) + "\"";
        const size_t end = text_.find(close, open);
        return end == std::string_view::npos ? text_.size() : end + close.size();
    }

    std::string_view text_;
    size_t at_ = 0;
    bool is_line_start_ = true;
    std::vector<Token> tokens_;
};

}  // namespace

SourceText::SourceText(std::string file_name, std::string text)
    : file_name_(std::move(file_name)), text_(std::move(text)), tokens_(Lexer(text_).Run()) {}

SourcePosition SourceText::PositionOf(size_t offset) const {
    const std::string_view before = text().substr(0, std::min(offset, text_.size()));
    const size_t line_break = before.rfind('\n');
    SourcePosition position;
    position.file = file_name_;
    position.line = static_cast<unsigned>(std::ranges::count(before, '\n')) + 1;
    position.column =
        static_cast<unsigned>(before.size() -
                              (line_break == std::string_view::npos ? 0 : line_break + 1)) +
        1;
    position.offset = static_cast<unsigned>(before.size());
    return position;
}

size_t FindClosing(std::span<const Token> tokens, size_t open) {
    size_t depth = 0;
    for (size_t i = open; i < tokens.size(); ++i) {
        if (tokens[i].kind != TokenKind::kPunctuator) {
            continue;
        }
        const char c = tokens[i].text.front();
        if (c == '(' || c == '[' || c == '{') {
            ++depth;
        } else if (c == ')' || c == ']' || c == '}') {
            if (--depth == 0) {
                return i;
            }
        }
    }
    return tokens.size();
}

std::string JoinTokens(std::span<const Token> tokens) {
    std::string text;
    for (size_t i = 0; i < tokens.size(); ++i) {
        if (i > 0 && tokens[i].begin > tokens[i - 1].end) {
            text += ' ';
        }
        text += tokens[i].text;
    }
    return text;
}

}  // namespace opendext::iig
