// SPDX-License-Identifier: Apache-2.0
// One .iig file as libclang parsed it, and small readers of libclang's values.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <clang-c/Index.h>

#include "iig/frontend/diagnostic.h"
#include "iig/frontend/source_text.h"

namespace opendext::iig {

// The string's text; disposes of it.
std::string TakeString(CXString string);

// Where a location is in its file, macros expanded: the place of the outermost macro use.
SourcePosition ExpansionPosition(CXSourceLocation location);

template <typename Visitor>
void VisitChildren(CXCursor parent, Visitor visitor) {
    clang_visitChildren(
        parent,
        [](CXCursor child, CXCursor, CXClientData data) {
            (*static_cast<Visitor *>(data))(child);
            return CXChildVisit_Continue;
        },
        &visitor);
}

struct ClangError {
    Diagnostic diagnostic;
    std::vector<Diagnostic> notes;
    bool is_fatal = false;
};

// Owns libclang's index and translation unit. One thread.
class ClangUnit {
public:
    // Parses `source` as a C++ header, `arguments` being compiler options. Errors in the file do not make
    // this fail: they are in errors(), and the unit holds what could be understood.
    static std::expected<ClangUnit, std::string> Parse(const SourceText &source,
                                                       const std::vector<std::string> &arguments);

    [[nodiscard]] CXCursor root() const { return clang_getTranslationUnitCursor(unit_.get()); }
    [[nodiscard]] bool IsInMainFile(CXCursor cursor) const;
    [[nodiscard]] const std::vector<ClangError> &errors() const { return errors_; }
    // Files read, the main file first, in the order of their inclusion.
    [[nodiscard]] const std::vector<std::string> &files() const { return files_; }
    // Parts of the main file that #if removed.
    [[nodiscard]] const std::vector<OffsetRange> &skipped() const { return skipped_; }

private:
    struct DisposeIndex {
        using pointer = CXIndex;
        void operator()(CXIndex index) const { clang_disposeIndex(index); }
    };
    struct DisposeUnit {
        using pointer = CXTranslationUnit;
        void operator()(CXTranslationUnit unit) const { clang_disposeTranslationUnit(unit); }
    };

    void ReadErrors();
    void ReadFiles();
    void ReadSkipped(const std::string &main_file);

    std::unique_ptr<CXIndex, DisposeIndex> index_;
    std::unique_ptr<CXTranslationUnit, DisposeUnit> unit_;
    std::vector<ClangError> errors_;
    std::vector<std::string> files_;
    std::vector<OffsetRange> skipped_;
};

}  // namespace opendext::iig
