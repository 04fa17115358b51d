// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/plain_method.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "iig/frontend/annotations.h"
#include "iig/frontend/clang_unit.h"

namespace opendext::iig {

namespace {

// Index of the method's name: the identifier before the parameter list.
size_t FindName(const std::vector<Token> &tokens) {
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
        const bool is_name = tokens[i].kind == TokenKind::kIdentifier &&
                             !tokens[i].Is("__attribute__") && !tokens[i].Is("decltype") &&
                             !tokens[i].Is("alignas") && !tokens[i].Is("__declspec");
        if (is_name && tokens[i + 1].Is("(")) {
            return i;
        }
        if (tokens[i].Is("operator")) {
            return i;
        }
        if (tokens[i].Is("(")) {
            i = FindClosing(tokens, i);
        }
    }
    return tokens.size();
}

// What follows the parameter list, without its specifiers that are kept apart.
struct Trailer {
    std::vector<Token> kept;
    bool is_override = false;
    bool is_final = false;
    bool is_pure = false;
};

Trailer ReadTrailer(const std::vector<Token> &tokens, size_t begin) {
    Trailer trailer;
    for (size_t i = begin; i < tokens.size(); ++i) {
        const Token &token = tokens[i];
        if (token.Is(";")) {
            continue;
        }
        if (token.Is("override")) {
            trailer.is_override = true;
        } else if (token.Is("final")) {
            trailer.is_final = true;
        } else if (token.Is("=") && i + 1 < tokens.size() && tokens[i + 1].Is("0")) {
            trailer.is_pure = true;
            ++i;
        } else {
            trailer.kept.push_back(token);
        }
    }
    return trailer;
}

// The argument list of a call that passes the parameters on, or nothing if one has no name.
std::optional<std::string> ForwardedArguments(CXCursor cursor) {
    std::string arguments;
    const int count = clang_Cursor_getNumArguments(cursor);
    for (int i = 0; i < count; ++i) {
        const CXCursor parameter = clang_Cursor_getArgument(cursor, static_cast<unsigned>(i));
        const std::string name = TakeString(clang_getCursorSpelling(parameter));
        if (name.empty()) {
            return std::nullopt;
        }
        // libclang takes a type that it does not know for int.
        const CXType type = clang_getCursorType(parameter);
        const CXTypeKind kind = clang_getCanonicalType(type).kind;
        const bool may_move = kind == CXType_Record || kind == CXType_RValueReference ||
                              kind == CXType_Unexposed || type.kind == CXType_Int;
        arguments += i == 0 ? "" : ", ";
        arguments += may_move ? fmt::format("static_cast<decltype({0}) &&>({0})", name) : name;
    }
    return arguments;
}

std::string CallDeclaration(const std::vector<Token> &head, const std::vector<Token> &kept,
                            size_t name, CXCursor cursor) {
    if (clang_Cursor_isNull(cursor) || clang_Cursor_isVariadic(cursor) != 0 ||
        head[name].Is("operator")) {
        return {};
    }
    const std::optional<std::string> arguments = ForwardedArguments(cursor);
    if (!arguments) {
        return {};
    }
    const std::string renamed = std::string(head[name].text) + "_Call";
    std::vector<Token> tokens = head;
    tokens[name].text = renamed;
    tokens.insert(tokens.end(), kept.begin(), kept.end());
    return fmt::format("{} {{ return {}({}); }}", JoinTokens(tokens), head[name].text, *arguments);
}

}  // namespace

std::string MethodName(const MemberText &member) {
    const std::vector<Token> tokens = WithoutAnnotations(member.tokens);
    const size_t name = FindName(tokens);
    return name == tokens.size() ? std::string() : std::string(tokens[name].text);
}

std::optional<MethodModel> ReadPlainMethod(const MemberText &member, CXCursor cursor,
                                           bool overrides,
                                           const std::set<std::string> &nested_types) {
    std::vector<Token> tokens = WithoutAnnotations(member.tokens);
    MethodModel method;
    method.kind = MethodKind::kPlain;
    method.is_virtual =
        std::erase_if(tokens, [](const Token &token) { return token.Is("virtual"); }) > 0;
    const size_t name = FindName(tokens);
    if (name == tokens.size() || !member.is_complete) {
        return std::nullopt;
    }
    size_t open = name + 1;
    while (open < tokens.size() &&
           (!tokens[open].Is("(") || (open == name + 1 && tokens[name].Is("operator")))) {
        ++open;
    }
    const size_t close = open < tokens.size() ? FindClosing(tokens, open) : tokens.size();
    if (close == tokens.size()) {
        return std::nullopt;
    }
    const std::vector<Token> head(tokens.begin(), tokens.begin() + static_cast<long>(close) + 1);
    const Trailer trailer = ReadTrailer(tokens, close + 1);
    method.name = tokens[name].text;
    method.is_override = overrides || trailer.is_override;
    method.is_final = trailer.is_final;
    method.is_pure = trailer.is_pure;
    method.is_virtual = method.is_virtual || method.is_override || method.is_final;
    std::vector<Token> declaration = head;
    declaration.insert(declaration.end(), trailer.kept.begin(), trailer.kept.end());
    method.declaration = JoinTokens(declaration);
    const bool names_nested = std::ranges::any_of(declaration, [&](const Token &token) {
        return nested_types.contains(std::string(token.text));
    });
    const bool is_destructor = name > 0 && tokens[name - 1].Is("~");
    method.is_in_interface =
        method.is_virtual && !method.is_override && !names_nested && !is_destructor;
    if (method.is_in_interface) {
        method.call_declaration = CallDeclaration(head, trailer.kept, name, cursor);
    }
    return method;
}

}  // namespace opendext::iig
