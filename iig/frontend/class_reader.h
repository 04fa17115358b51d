// SPDX-License-Identifier: Apache-2.0
// Reads a class of the .iig into a ClassModel.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <clang-c/Index.h>

#include "iig/frontend/class_index.h"
#include "iig/frontend/diagnostic.h"
#include "iig/frontend/member_splitter.h"
#include "iig/frontend/source_text.h"
#include "iig/model/interface_model.h"

namespace opendext::iig {

// A member's text, and what libclang made of it.
struct BoundMember {
    MemberText text;
    std::vector<CXCursor> methods;  // Methods, constructors, templates: usually none or one.
    bool is_plain = false;          // LOCALONLY, or C++ that is not dispatched.
};

// One class body of the .iig: a class, or a class marked EXTENDS.
struct ClassScope {
    CXCursor cursor = clang_getNullCursor();
    ClassText text;
    std::vector<BoundMember> members;
};

// Finds the text of a class and binds its members to libclang's cursors.
ClassScope BindClass(CXCursor cursor, const SourceText &source,
                     const std::vector<OffsetRange> &skipped, const ClassIndex &classes);

class ClassReader {
public:
    ClassReader(const SourceText &source, const ClassIndex &classes, DiagnosticList &diagnostics)
        : source_(&source), classes_(&classes), diagnostics_(&diagnostics) {}

    // `scopes` are the class and its extensions. Errors go to the diagnostics.
    [[nodiscard]] ClassModel Read(const std::vector<const ClassScope *> &scopes);

    // `#define` lines found in class bodies; they go before the class.
    [[nodiscard]] const std::string &directives() const { return directives_; }

private:
    void ReadHead(CXCursor cursor, ClassModel &model);
    void ReadMember(const BoundMember &member, ClassModel &model);
    void ReadPlain(const BoundMember &member, ClassModel &model);
    void ReadDispatched(const BoundMember &member, ClassModel &model);
    void CheckPlainAnnotations(CXCursor method);
    void CheckIds(const ClassModel &model, CXCursor cursor);
    [[nodiscard]] bool IsAbstract(CXCursor cursor) const;

    const SourceText *source_;
    const ClassIndex *classes_;
    DiagnosticList *diagnostics_;
    std::set<std::string> nested_types_;
    std::string directives_;
};

}  // namespace opendext::iig
