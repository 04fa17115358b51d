// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/annotations.h"

#include <algorithm>
#include <array>

#include "iig/frontend/clang_unit.h"

namespace opendext::iig {

namespace {

constexpr std::array<std::string_view, 16> kAnnotations = {
    "KERNEL",      "NATIVE",       "LOCAL",        "LOCALONLY",    "REMOTE", "LOCALHOST",
    "INVOKEREPLY", "REPLY",        "PORTMAKESEND", "PORTCOPYSEND", "TARGET", "TYPE",
    "QUEUENAME",   "SERIALIZABLE", "CONCRETE",     "EXTENDS"};

bool TakesArgument(std::string_view name) {
    return name == "TYPE" || name == "QUEUENAME" || name == "EXTENDS";
}

std::string MakePrelude() {
    // __IIG_ATTRIBUTES_DEFINED__ keeps a header that brings its own definitions from repeating these.
    std::string text =
        "#define __IIG 1\n"
        "#define __IIG_ATTRIBUTES_DEFINED__ 1\n"
        "#define API_AVAILABLE(...)\n"
        "#define API_UNAVAILABLE(...)\n"
        "#define API_DEPRECATED(...)\n"
        "#define API_DEPRECATED_WITH_REPLACEMENT(...)\n";
    for (const std::string_view name : kAnnotations) {
        for (const std::string_view prefix : {"", "IIG_"}) {
            text += "#define ";
            text += prefix;
            text += name;
            if (TakesArgument(name)) {
                text += "(...) __attribute__((annotate(\"iig:";
                text += name;
                text += "=\" #__VA_ARGS__)))\n";
            } else {
                text += " __attribute__((annotate(\"iig:";
                text += name;
                text += "\")))\n";
            }
        }
    }
    return text;
}

bool IsAvailabilityMacro(std::string_view word) {
    return word.starts_with("API_") || word.starts_with("__API_") ||
           word.starts_with("__OSX_AVAILABLE") || word.starts_with("__IOS_AVAILABLE");
}

// `__attribute__((availability(...)))` at `at`.
bool IsAvailabilityAttribute(std::span<const Token> tokens, size_t at) {
    return tokens[at].Is("__attribute__") && at + 3 < tokens.size() && tokens[at + 1].Is("(") &&
           tokens[at + 3].Is("availability");
}

}  // namespace

std::string_view AnnotationPrelude() {
    static const std::string prelude = MakePrelude();
    return prelude;
}

std::span<const std::string_view> AnnotationWords() {
    return kAnnotations;
}

bool IsAnnotationWord(std::string_view word) {
    if (word.starts_with("IIG_")) {
        word.remove_prefix(4);
    }
    return std::ranges::find(kAnnotations, word) != kAnnotations.end();
}

AnnotationSet AnnotationSet::Of(CXCursor declaration) {
    AnnotationSet set;
    VisitChildren(declaration, [&set](CXCursor child) {
        if (clang_getCursorKind(child) != CXCursor_AnnotateAttr) {
            return;
        }
        std::string text = TakeString(clang_getCursorSpelling(child));
        if (!text.starts_with("iig:")) {
            return;
        }
        Annotation annotation;
        const size_t equals = text.find('=');
        annotation.name = text.substr(4, equals == std::string::npos ? equals : equals - 4);
        if (equals != std::string::npos) {
            annotation.argument = text.substr(equals + 1);
            std::erase_if(annotation.argument, [](unsigned char c) { return c <= ' '; });
        }
        annotation.position = ExpansionPosition(clang_getCursorLocation(child));
        set.items_.push_back(std::move(annotation));
    });
    return set;
}

const Annotation *AnnotationSet::Find(std::string_view name) const {
    const auto found = std::ranges::find(items_, name, &Annotation::name);
    return found == items_.end() ? nullptr : &*found;
}

std::vector<Token> WithoutAnnotations(std::span<const Token> tokens) {
    std::vector<Token> kept;
    for (size_t i = 0; i < tokens.size(); ++i) {
        const bool is_call = i + 1 < tokens.size() && tokens[i + 1].Is("(");
        const bool is_macro =
            tokens[i].kind == TokenKind::kIdentifier &&
            (IsAnnotationWord(tokens[i].text) || IsAvailabilityMacro(tokens[i].text));
        std::string_view word = tokens[i].text;
        if (word.starts_with("IIG_")) {
            word.remove_prefix(4);
        }
        if (!is_macro && !IsAvailabilityAttribute(tokens, i)) {
            kept.push_back(tokens[i]);
        } else if (is_call && (!IsAnnotationWord(word) || TakesArgument(word))) {
            i = FindClosing(tokens, i + 1);
        }
    }
    return kept;
}

}  // namespace opendext::iig
