// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/member_splitter.h"

#include <algorithm>
#include <string_view>

namespace opendext::iig {

namespace {

bool IsAccessWord(const Token &token) {
    return token.Is("public") || token.Is("protected") || token.Is("private");
}

bool BeginsTypeOrAlias(const Token &token) {
    return token.Is("enum") || token.Is("struct") || token.Is("class") || token.Is("union") ||
           token.Is("typedef") || token.Is("using") || token.Is("friend");
}

std::string_view DirectiveName(const Token &token) {
    std::string_view text = token.text.substr(1);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    return text.substr(0, text.find_first_of(" \t\r\n(<\""));
}

bool IsConditional(std::string_view name) {
    return name == "if" || name == "ifdef" || name == "ifndef" || name == "else" ||
           name == "elif" || name == "elifdef" || name == "elifndef" || name == "endif";
}

class Splitter {
public:
    explicit Splitter(std::vector<Token> body) : body_(std::move(body)) {}

    std::vector<MemberText> Run() {
        while (at_ < body_.size()) {
            const Token &token = body_[at_];
            if (token.kind == TokenKind::kComment) {
                ++at_;
            } else if (token.kind == TokenKind::kDirective) {
                AddDirective(token);
            } else if (IsAccessWord(token) && at_ + 1 < body_.size() && body_[at_ + 1].Is(":")) {
                at_ += 2;
            } else {
                AddMember();
            }
        }
        return std::move(members_);
    }

private:
    void AddDirective(const Token &token) {
        ++at_;
        const std::string_view name = DirectiveName(token);
        if (!IsConditional(name) && name != "pragma") {
            members_.push_back(
                {.range = {token.begin, token.end}, .tokens = {token}, .is_directive = true});
        }
    }

    void AddMember() {
        MemberText member;
        bool has_parameters = false;
        bool has_initializer = false;
        while (at_ < body_.size() && !member.is_complete) {
            const Token &token = body_[at_];
            if (!token.IsCode()) {
                ++at_;
                continue;
            }
            const bool is_open = token.Is("(") || token.Is("[") || token.Is("{");
            const size_t last = is_open ? std::min(FindClosing(body_, at_), body_.size() - 1) : at_;
            const bool is_function_body = token.Is("{") && has_parameters && !has_initializer &&
                                          !member.tokens.empty() &&
                                          !BeginsTypeOrAlias(member.tokens.front());
            has_parameters = has_parameters || token.Is("(");
            has_initializer = has_initializer || token.Is("=");
            for (; at_ <= last; ++at_) {
                if (body_[at_].IsCode()) {
                    member.tokens.push_back(body_[at_]);
                }
            }
            member.has_body = member.has_body || is_function_body;
            member.is_complete = is_function_body || token.Is(";");
        }
        if (member.tokens.empty()) {
            return;
        }
        FinishMember(member);
    }

    void FinishMember(MemberText &member) {
        const std::vector<Token> &tokens = member.tokens;
        if (tokens.size() == 1 && tokens.front().Is(";")) {
            return;
        }
        const size_t size = tokens.size();
        if (size >= 3 && tokens[size - 3].Is("=") &&
            (tokens[size - 2].Is("default") || tokens[size - 2].Is("delete"))) {
            member.has_body = true;
        }
        member.range = {tokens.front().begin, tokens.back().end};
        members_.push_back(std::move(member));
    }

    std::vector<Token> body_;
    size_t at_ = 0;
    std::vector<MemberText> members_;
};

}  // namespace

ClassText SplitClass(const SourceText &source, size_t begin,
                     const std::vector<OffsetRange> &skipped) {
    std::vector<Token> tokens;
    for (const Token &token : source.tokens()) {
        const bool is_skipped = std::ranges::any_of(
            skipped, [&](const OffsetRange &range) { return range.Contains(token.begin); });
        if (token.begin >= begin && !is_skipped) {
            tokens.push_back(token);
        }
    }
    ClassText result;
    result.range = {begin, begin};
    const auto open = std::ranges::find_if(
        tokens, [](const Token &t) { return t.IsCode() && (t.Is("{") || t.Is(";")); });
    if (open == tokens.end() || open->Is(";")) {
        return result;
    }
    const auto open_index = static_cast<size_t>(open - tokens.begin());
    const size_t close = FindClosing(tokens, open_index);
    if (close == tokens.size() || !tokens[close].Is("}")) {
        return result;
    }
    result.is_closed = true;
    result.range.end = tokens[close].end;
    for (size_t i = close + 1; i < tokens.size(); ++i) {
        if (tokens[i].IsCode()) {
            result.range.end = tokens[i].Is(";") ? tokens[i].end : result.range.end;
            break;
        }
    }
    result.members = Splitter({tokens.begin() + static_cast<long>(open_index) + 1,
                               tokens.begin() + static_cast<long>(close)})
                         .Run();
    return result;
}

}  // namespace opendext::iig
