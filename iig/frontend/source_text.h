// SPDX-License-Identifier: Apache-2.0
// The .iig file as text: its tokens with their places, before any preprocessing. Declarations are copied to
// the generated header from here, so that a type that libclang could not resolve is still written as it was.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iig/frontend/diagnostic.h"

namespace opendext::iig {

enum class TokenKind {
    kIdentifier,  // Keywords too.
    kNumber,
    kLiteral,     // Strings and characters.
    kPunctuator,  // One character.
    kComment,
    kDirective,  // From `#` to the end of the line, continuation lines included.
};

struct Token {
    TokenKind kind = TokenKind::kPunctuator;
    size_t begin = 0;  // Byte offsets into the file, `end` exclusive.
    size_t end = 0;
    std::string_view text;

    [[nodiscard]] bool Is(std::string_view what) const { return text == what; }
    [[nodiscard]] bool IsCode() const {
        return kind != TokenKind::kComment && kind != TokenKind::kDirective;
    }
};

struct OffsetRange {
    size_t begin = 0;
    size_t end = 0;  // Exclusive.

    [[nodiscard]] bool Contains(size_t offset) const { return begin <= offset && offset < end; }
};

// Owns the file's bytes and their tokens. Takes any bytes. Not copyable: tokens point into it.
class SourceText {
public:
    SourceText(std::string file_name, std::string text);
    SourceText(const SourceText &) = delete;
    SourceText &operator=(const SourceText &) = delete;

    [[nodiscard]] const std::string &file_name() const { return file_name_; }
    [[nodiscard]] std::string_view text() const { return text_; }
    [[nodiscard]] const std::vector<Token> &tokens() const { return tokens_; }
    [[nodiscard]] SourcePosition PositionOf(size_t offset) const;

private:
    std::string file_name_;
    std::string text_;
    std::vector<Token> tokens_;
};

// Index of the token that closes the bracket at tokens[open], or tokens.size().
size_t FindClosing(std::span<const Token> tokens, size_t open);

// The tokens' text with every run of white space between them made one space.
std::string JoinTokens(std::span<const Token> tokens);

}  // namespace opendext::iig
