// SPDX-License-Identifier: Apache-2.0
// The annotations of .iig files: the macros that libclang is given, and how they are read back.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <clang-c/Index.h>

#include "iig/frontend/diagnostic.h"
#include "iig/frontend/source_text.h"

namespace opendext::iig {

// Defines the annotation macros; libclang includes it before the .iig.
std::string_view AnnotationPrelude();

struct Annotation {
    std::string name;      // The macro: `TYPE`.
    std::string argument;  // `IOTimerDispatchSource::TimerOccurred`, without spaces.
    SourcePosition position;
};

// The annotations of one declaration.
class AnnotationSet {
public:
    AnnotationSet() = default;
    explicit AnnotationSet(std::vector<Annotation> items) : items_(std::move(items)) {}

    // Of a class, a method or a parameter.
    static AnnotationSet Of(CXCursor declaration);

    [[nodiscard]] bool Has(std::string_view name) const { return Find(name) != nullptr; }
    [[nodiscard]] const Annotation *Find(std::string_view name) const;
    [[nodiscard]] const std::vector<Annotation> &items() const { return items_; }

private:
    std::vector<Annotation> items_;
};

// The tokens without annotations (IIG_ forms too), API_AVAILABLE and the like, and availability attributes.
std::vector<Token> WithoutAnnotations(std::span<const Token> tokens);

// All of them, without IIG_.
std::span<const std::string_view> AnnotationWords();

// Whether `word` is an annotation, `IIG_` before it or not.
bool IsAnnotationWord(std::string_view word);

}  // namespace opendext::iig
