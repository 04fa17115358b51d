// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/verbatim_text.h"

#include <algorithm>
#include <string_view>

#include "iig/frontend/annotations.h"

namespace opendext::iig {

namespace {

constexpr std::string_view kSpaces = " \t\r\n\\";

std::string_view Trim(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
    const size_t last = text.find_last_not_of(kSpaces);
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

struct Directive {
    std::string_view name;
    std::string_view rest;
};

Directive ReadDirective(const Token &token) {
    std::string_view text = Trim(token.text.substr(1));
    const size_t end = std::min(text.find_first_of(" \t(<\"!"), text.size());
    return {text.substr(0, end), Trim(text.substr(end))};
}

// The macro that `#ifndef X` or `#if !defined(X)` asks for, or nothing.
std::string_view GuardName(const Token &token) {
    if (token.kind != TokenKind::kDirective) {
        return {};
    }
    const Directive directive = ReadDirective(token);
    std::string_view rest = directive.rest;
    if (directive.name == "if" && rest.starts_with("!")) {
        rest = Trim(rest.substr(1));
        if (!rest.starts_with("defined")) {
            return {};
        }
        rest = Trim(rest.substr(7));
        if (rest.starts_with("(") && rest.ends_with(")")) {
            rest = Trim(rest.substr(1, rest.size() - 2));
        }
    } else if (directive.name != "ifndef") {
        return {};
    }
    return rest.find_first_of(" \t()&|") == std::string_view::npos ? rest : std::string_view{};
}

bool IsOpening(std::string_view name) {
    return name == "if" || name == "ifdef" || name == "ifndef";
}

// Index of the #endif that belongs to the conditional at `open`, or tokens.size(). An #else counts as none:
// then it is no include guard.
size_t FindGuardEnd(const std::vector<Token> &tokens, size_t open) {
    int depth = 0;
    for (size_t i = open; i < tokens.size(); ++i) {
        if (tokens[i].kind != TokenKind::kDirective) {
            continue;
        }
        const std::string_view name = ReadDirective(tokens[i]).name;
        if (IsOpening(name)) {
            ++depth;
        } else if (name == "endif" && --depth == 0) {
            return i;
        } else if (depth == 1 && name.starts_with("el")) {
            return tokens.size();
        }
    }
    return tokens.size();
}

void CollapseBlankLines(std::string &text) {
    std::string result;
    int breaks = 0;
    for (const char c : text) {
        if (c == '\n') {
            while (!result.empty() &&
                   (result.back() == ' ' || result.back() == '\t' || result.back() == '\r')) {
                result.pop_back();
            }
        }
        breaks = c == '\n' ? breaks + 1 : 0;
        if (breaks <= 2) {
            result += c;
        }
    }
    text = std::move(result);
}

// `#include <X/Y.iig>` as `#include <X/Y.h>`; any other directive as it is.
std::string WithHeader(std::string_view directive) {
    std::string text(directive);
    for (const std::string_view ending : {".iig>", ".iig\""}) {
        if (const size_t at = text.rfind(ending); at != std::string::npos) {
            return text.replace(at, 4, ".h");
        }
    }
    return text;
}

void AppendTrimmedLines(std::string_view block, std::string &text) {
    while (!block.empty()) {
        const size_t line_end = std::min(block.find('\n'), block.size());
        const std::string_view line = Trim(block.substr(0, line_end));
        if (!line.empty()) {
            text += line;
            text += '\n';
        }
        block.remove_prefix(std::min(line_end + 1, block.size()));
    }
}

}  // namespace

VerbatimCopier::VerbatimCopier(const SourceText &source) : source_(&source) {
    FindGuard();
    FindDirectives();
    FindAnnotations();
    FindComments();
    std::ranges::sort(edits_, {}, [](const Edit &edit) { return edit.range.begin; });
}

void VerbatimCopier::FindGuard() {
    const std::vector<Token> &tokens = source_->tokens();
    for (size_t i = 0; i < tokens.size(); ++i) {
        const std::string_view guard = GuardName(tokens[i]);
        if (guard.empty()) {
            continue;
        }
        size_t next = i + 1;
        while (next < tokens.size() && tokens[next].kind == TokenKind::kComment) {
            ++next;
        }
        if (next == tokens.size() || tokens[next].kind != TokenKind::kDirective) {
            continue;
        }
        const Directive define = ReadDirective(tokens[next]);
        const std::string_view macro = define.rest.substr(0, define.rest.find_first_of(" \t"));
        const size_t end = FindGuardEnd(tokens, i);
        const bool is_last = end < tokens.size() &&
                             std::all_of(
                                 tokens.begin() + static_cast<long>(end) + 1, tokens.end(),
                                 [](const Token &t) { return t.kind == TokenKind::kComment; });
        if (define.name == "define" && macro == guard && is_last) {
            for (const size_t at : {i, next, end}) {
                edits_.push_back({{tokens[at].begin, tokens[at].end}, ""});
            }
            // `#endif /* GUARD */`
            if (end + 1 < tokens.size() &&
                !source_->text()
                     .substr(tokens[end].end, tokens[end + 1].begin - tokens[end].end)
                     .contains('\n')) {
                edits_.push_back({{tokens[end + 1].begin, tokens[end + 1].end}, ""});
            }
            return;
        }
    }
}

void VerbatimCopier::FindDirectives() {
    for (const Token &token : source_->tokens()) {
        if (token.kind != TokenKind::kDirective) {
            continue;
        }
        const Directive directive = ReadDirective(token);
        if (directive.name == "pragma" && directive.rest == "once") {
            edits_.push_back({{token.begin, token.end}, ""});
        } else if (directive.name == "include" || directive.name == "import") {
            const std::string text = WithHeader(token.text);
            if (text != token.text) {
                edits_.push_back({{token.begin, token.end}, text});
            }
        }
    }
}

// `class IIG_SERIALIZABLE OSData;`
void VerbatimCopier::FindAnnotations() {
    const std::vector<Token> &tokens = source_->tokens();
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (!tokens[i].Is("class") && !tokens[i].Is("struct")) {
            continue;
        }
        for (size_t next = i + 1;
             next + 1 < tokens.size() && tokens[next].kind == TokenKind::kIdentifier &&
             IsAnnotationWord(tokens[next].text);
             ++next) {
            edits_.push_back({{tokens[next].begin, tokens[next + 1].begin}, ""});
        }
    }
}

void VerbatimCopier::FindComments() {
    for (const Token &token : source_->tokens()) {
        if (token.kind == TokenKind::kComment && token.text.contains("@iig")) {
            edits_.push_back({{token.begin, token.end}, ""});
        }
    }
}

std::string VerbatimCopier::Copy(OffsetRange range) const {
    std::string text;
    size_t at = range.begin;
    for (const Edit &edit : edits_) {
        if (edit.range.begin < at || edit.range.end > range.end) {
            continue;
        }
        text += source_->text().substr(at, edit.range.begin - at);
        text += edit.replacement;
        at = edit.range.end;
    }
    text += source_->text().substr(at, range.end - at);
    CollapseBlankLines(text);
    return text;
}

std::string ImplementationText(const SourceText &source) {
    std::string text;
    for (const Token &token : source.tokens()) {
        if (token.kind != TokenKind::kComment) {
            continue;
        }
        constexpr std::string_view kBegin = "@iig implementation";
        size_t begin = token.text.find(kBegin);
        while (begin != std::string_view::npos) {
            begin += kBegin.size();
            const size_t end = token.text.find("@iig end", begin);
            if (end == std::string_view::npos) {
                break;
            }
            AppendTrimmedLines(token.text.substr(begin, end - begin), text);
            begin = token.text.find(kBegin, end);
        }
    }
    return text;
}

}  // namespace opendext::iig
