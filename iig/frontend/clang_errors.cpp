// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/clang_errors.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "iig/frontend/annotations.h"

namespace opendext::iig {

namespace {

constexpr std::string_view kNoClassName = "expected class name";
constexpr std::string_view kNotFound = " file not found";

bool IsAboutUnknownName(std::string_view message) {
    constexpr std::array<std::string_view, 9> kBeginnings = {
        "unknown type name",     "use of undeclared identifier",
        "no type named",         "no template named",
        "no member named",       "unknown template name",
        "use of class template", "expected namespace name",
        "incomplete type"};
    return std::ranges::any_of(kBeginnings,
                               [&](std::string_view b) { return message.starts_with(b); }) ||
           message.contains("is not a class, namespace, or enumeration");
}

// The file that an include did not find, or nothing.
std::optional<std::string_view> MissingFile(const Diagnostic &diagnostic) {
    const std::string_view message = diagnostic.message;
    if (!message.starts_with("'") || !message.ends_with(kNotFound)) {
        return std::nullopt;
    }
    return message.substr(1, message.size() - kNotFound.size() - 2);
}

bool IsMacroLike(const Token &token) {
    constexpr size_t kShortest = 3;
    return token.kind == TokenKind::kIdentifier && token.text.size() >= kShortest &&
           std::ranges::all_of(token.text,
                               [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

// How many letters must change to make one word of the other.
size_t EditDistance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i + 1);
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

// The first token of code that ends behind `offset`, or NULL.
const Token *TokenAt(const SourceText &source, size_t offset) {
    const auto token = std::ranges::find_if(source.tokens(), [offset](const Token &candidate) {
        return candidate.IsCode() && candidate.end > offset;
    });
    return token == source.tokens().end() ? nullptr : &*token;
}

// The parser does not say which name is no class.
Diagnostic WithClassName(Diagnostic diagnostic, const SourceText &source) {
    const Token *const token =
        diagnostic.message == kNoClassName && diagnostic.position.file == source.file_name()
            ? TokenAt(source, diagnostic.position.offset)
            : nullptr;
    if (token != nullptr) {
        diagnostic.message = fmt::format(
            "unknown class name '{}'; include the .iig that declares it, or correct the name",
            token->text);
    }
    return diagnostic;
}

// C++ syntax has no place for a word that is no annotation; the parser says so in terms of C++.
std::optional<Diagnostic> AboutMisspeltAnnotation(const Diagnostic &diagnostic,
                                                  const SourceText &source) {
    if (diagnostic.position.file != source.file_name() ||
        !diagnostic.message.starts_with("expected ")) {
        return std::nullopt;
    }
    const Token *const word = TokenAt(source, diagnostic.position.offset);
    if (word == nullptr || !IsMacroLike(*word) || IsAnnotationWord(word->text)) {
        return std::nullopt;
    }
    const std::span<const std::string_view> all = AnnotationWords();
    const auto nearest = std::ranges::min_element(
        all, {}, [&](std::string_view known) { return EditDistance(word->text, known); });
    constexpr size_t kNear = 2;
    const std::string fix = EditDistance(word->text, *nearest) <= kNear
                                ? fmt::format("did you mean {}?", *nearest)
                                : fmt::format("there are {}", fmt::join(all, ", "));
    return Diagnostic{.severity = Severity::kError,
                      .position = source.PositionOf(word->begin),
                      .message = fmt::format("'{}' is no annotation; {}", word->text, fix)};
}

class ErrorFilter {
public:
    ErrorFilter(const SourceText &source, const std::vector<const ClassScope *> &classes)
        : source_(source), classes_(classes) {}

    void Run(const std::vector<ClangError> &errors, DiagnosticList &diagnostics) {
        bool is_any_reported = false;
        for (const ClangError &error : errors) {
            const std::optional<std::string_view> missing = MissingFile(error.diagnostic);
            if (missing && !missing->ends_with(".iig")) {
                missing_.push_back(error.diagnostic);
                continue;
            }
            if (missing) {
                Diagnostic diagnostic = error.diagnostic;
                diagnostic.message +=
                    "; name the folder that it is in with -I FOLDER (of an SDK: -isystem FOLDER)";
                diagnostics.Add(diagnostic);
                is_any_reported = true;
                is_base_unknown_ = true;
            } else if (auto misspelt = AboutMisspeltAnnotation(error.diagnostic, source_)) {
                diagnostics.Add(*std::move(misspelt));
                is_any_reported = true;
            } else if (!IsIgnored(error.diagnostic)) {
                diagnostics.Add(WithClassName(error.diagnostic, source_));
                for (const Diagnostic &note : error.notes) {
                    diagnostics.Add(note);
                }
                is_any_reported = true;
            }
        }
        for (Diagnostic &diagnostic : missing_) {
            if (is_any_reported && diagnostic.position.file == source_.file_name()) {
                diagnostics.Warning(
                    diagnostic.position,
                    diagnostic.message + "; the types in it may stand in LOCALONLY methods only");
            }
        }
    }

private:
    bool IsIgnored(const Diagnostic &diagnostic) {
        // Without the base class every override looks wrong.
        if (is_base_unknown_ &&
            diagnostic.message.contains("marked 'override' but does not override")) {
            return true;
        }
        is_base_unknown_ = is_base_unknown_ || diagnostic.message == kNoClassName ||
                           diagnostic.message == "base class has incomplete type";
        const std::string &file = diagnostic.position.file;
        if (file != source_.file_name()) {
            return (!file.empty() && !file.ends_with(".iig")) || IsUnknownNameElsewhere(diagnostic);
        }
        const unsigned offset = diagnostic.position.offset;
        for (const ClassScope *scope : classes_) {
            if (!scope->text.range.Contains(offset)) {
                continue;
            }
            const auto member = std::ranges::find_if(
                scope->members,
                [offset](const BoundMember &m) { return m.text.range.Contains(offset); });
            return member != scope->members.end() && member->is_plain && member->text.is_complete &&
                   IsUnknownNameIn(*member, diagnostic);
        }
        return !missing_.empty() && IsAboutUnknownName(diagnostic.message);
    }

    // Another .iig answers for its own types when it is generated itself.
    bool IsUnknownNameElsewhere(const Diagnostic &diagnostic) {
        const SourcePosition &position = diagnostic.position;
        constexpr unsigned kLinesOfOneDeclaration = 4;
        if (!position.file.empty() && IsAboutUnknownName(diagnostic.message)) {
            forgiven_elsewhere_ = position;
        }
        return !position.file.empty() && forgiven_elsewhere_.file == position.file &&
               position.line >= forgiven_elsewhere_.line &&
               position.line - forgiven_elsewhere_.line <= kLinesOfOneDeclaration;
    }

    // One unknown name makes further errors in the same declaration.
    bool IsUnknownNameIn(const BoundMember &member, const Diagnostic &diagnostic) {
        if (IsAboutUnknownName(diagnostic.message)) {
            forgiven_ = &member;
        }
        return forgiven_ == &member;
    }

    const SourceText &source_;
    const std::vector<const ClassScope *> &classes_;
    std::vector<Diagnostic> missing_;
    const BoundMember *forgiven_ = nullptr;
    SourcePosition forgiven_elsewhere_;
    bool is_base_unknown_ = false;
};

}  // namespace

bool IsAboutABase(const Diagnostic &diagnostic) {
    const std::optional<std::string_view> missing = MissingFile(diagnostic);
    return (missing && missing->ends_with(".iig")) || diagnostic.message == kNoClassName;
}

bool ReportClangErrors(const std::vector<ClangError> &errors, const SourceText &source,
                       const std::vector<const ClassScope *> &classes,
                       DiagnosticList &diagnostics) {
    const bool had_errors = diagnostics.HasErrors();
    ErrorFilter(source, classes).Run(errors, diagnostics);
    return had_errors || !diagnostics.HasErrors();
}

}  // namespace opendext::iig
