// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/class_index.h"

#include <fmt/format.h>

#include "iig/frontend/annotations.h"
#include "iig/frontend/clang_unit.h"

namespace opendext::iig {

namespace {

constexpr int kDeepestHierarchy = 64;

std::string NameOf(CXCursor cursor) {
    return TakeString(clang_getCursorSpelling(cursor));
}

CXCursor OverriddenBy(CXCursor method) {
    CXCursor *overridden = nullptr;
    unsigned count = 0;
    clang_getOverriddenCursors(method, &overridden, &count);
    const CXCursor first = count > 0 ? overridden[0] : clang_getNullCursor();
    clang_disposeOverriddenCursors(overridden);
    return first;
}

bool HasBody(CXCursor method) {
    return clang_isCursorDefinition(method) != 0 || clang_CXXMethod_isDeleted(method) != 0 ||
           clang_CXXMethod_isDefaulted(method) != 0;
}

}  // namespace

bool IsRecord(CXCursorKind kind) {
    return kind == CXCursor_ClassDecl || kind == CXCursor_StructDecl;
}

ClassIndex::ClassIndex(CXCursor root) {
    Collect(root);
}

void ClassIndex::Collect(CXCursor scope) {
    VisitChildren(scope, [this](CXCursor child) {
        const CXCursorKind kind = clang_getCursorKind(child);
        if (kind == CXCursor_LinkageSpec || kind == CXCursor_UnexposedDecl) {
            Collect(child);
        } else if (IsRecord(kind)) {
            const std::string name = NameOf(child);
            declarations_.emplace(name, child);
            if (clang_isCursorDefinition(child) == 0) {
                return;
            }
            definitions_.emplace(name, child);
            const AnnotationSet annotations = AnnotationSet::Of(child);
            if (const Annotation *extends = annotations.Find("EXTENDS")) {
                extensions_[extends->argument].push_back(child);
            }
        }
    });
}

CXCursor ClassIndex::FindClass(const std::string &name) const {
    const auto found = definitions_.find(name);
    return found == definitions_.end() ? clang_getNullCursor() : found->second;
}

bool ClassIndex::IsDeclared(const std::string &name) const {
    return declarations_.contains(name);
}

CXCursor ClassIndex::BaseOf(CXCursor class_cursor) const {
    CXCursor base = clang_getNullCursor();
    VisitChildren(class_cursor, [&base](CXCursor child) {
        if (clang_getCursorKind(child) == CXCursor_CXXBaseSpecifier && clang_Cursor_isNull(base)) {
            base = clang_getTypeDeclaration(clang_getCanonicalType(clang_getCursorType(child)));
        }
    });
    if (clang_Cursor_isNull(base) || clang_isInvalid(clang_getCursorKind(base))) {
        return clang_getNullCursor();
    }
    return clang_getCursorDefinition(base);
}

bool ClassIndex::IsObjectClass(CXCursor class_cursor) const {
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(class_cursor); ++i) {
        if (NameOf(class_cursor) == "OSMetaClassBase") {
            return true;
        }
        class_cursor = BaseOf(class_cursor);
    }
    return false;
}

bool ClassIndex::IsDerivedFromObject(CXCursor class_cursor) const {
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(class_cursor); ++i) {
        if (NameOf(class_cursor) == "OSObject") {
            return true;
        }
        class_cursor = BaseOf(class_cursor);
    }
    return false;
}

std::vector<CXCursor> ClassIndex::ExtensionsOf(const std::string &name) const {
    const auto found = extensions_.find(name);
    return found == extensions_.end() ? std::vector<CXCursor>{} : found->second;
}

CXCursor ClassIndex::RootOf(CXCursor method) const {
    for (int i = 0; i < kDeepestHierarchy; ++i) {
        const CXCursor base = OverriddenBy(method);
        if (clang_Cursor_isNull(base)) {
            break;
        }
        method = base;
    }
    return method;
}

bool ClassIndex::IsPlain(CXCursor method) const {
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(method); ++i) {
        const CXCursor owner = clang_getCursorSemanticParent(method);
        if (AnnotationSet::Of(method).Has("LOCALONLY") || HasBody(method) ||
            NameOf(owner) == "OSMetaClassBase" || AnnotationSet::Of(owner).Has("LOCALONLY")) {
            return true;
        }
        method = OverriddenBy(method);
    }
    return false;
}

bool ClassIndex::IsPlainInBases(CXCursor class_cursor, const std::string &name) const {
    bool has_plain = false;
    bool has_dispatched = false;
    CXCursor base = BaseOf(class_cursor);
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(base); ++i) {
        VisitChildren(base, [&](CXCursor child) {
            if (clang_getCursorKind(child) == CXCursor_CXXMethod && NameOf(child) == name) {
                (IsPlain(child) ? has_plain : has_dispatched) = true;
            }
        });
        base = BaseOf(base);
    }
    return has_plain && !has_dispatched;
}

bool ClassIndex::IsAnnotated(CXCursor method, std::string_view name) const {
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(method); ++i) {
        if (AnnotationSet::Of(method).Has(name)) {
            return true;
        }
        method = OverriddenBy(method);
    }
    return false;
}

std::string ClassIndex::InheritedArgument(CXCursor method, std::string_view name) const {
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(method); ++i) {
        const AnnotationSet annotations = AnnotationSet::Of(method);
        if (const Annotation *found = annotations.Find(name)) {
            return found->argument;
        }
        method = OverriddenBy(method);
    }
    return {};
}

std::string ClassIndex::OwnerOf(CXCursor method) const {
    const CXCursor owner = clang_getCursorSemanticParent(method);
    const AnnotationSet annotations = AnnotationSet::Of(owner);
    const Annotation *extends = annotations.Find("EXTENDS");
    return extends != nullptr ? extends->argument : NameOf(owner);
}

MethodReference ClassIndex::ReferenceTo(CXCursor method) const {
    MethodReference reference{OwnerOf(method), NameOf(method)};
    int overload = 0;
    bool is_found = false;
    const auto count_in = [&](CXCursor scope) {
        VisitChildren(scope, [&](CXCursor child) {
            if (is_found || clang_getCursorKind(child) != CXCursor_CXXMethod ||
                NameOf(child) != reference.stem || IsPlain(child) ||
                !clang_equalCursors(RootOf(child), child)) {
                return;
            }
            ++overload;
            is_found = clang_equalCursors(child, method) != 0;
        });
    };
    count_in(FindClass(reference.class_name));
    for (const CXCursor extension : ExtensionsOf(reference.class_name)) {
        count_in(extension);
    }
    if (is_found && overload > 1) {
        reference.stem += fmt::format("_{}", overload);
    }
    return reference;
}

CXCursor ClassIndex::MethodIn(CXCursor class_cursor, const std::string &name) const {
    CXCursor found = clang_getNullCursor();
    const auto look_in = [&](CXCursor scope) {
        VisitChildren(scope, [&](CXCursor child) {
            if (clang_getCursorKind(child) == CXCursor_CXXMethod && clang_Cursor_isNull(found) &&
                NameOf(child) == name && !IsPlain(child)) {
                found = child;
            }
        });
    };
    look_in(class_cursor);
    for (const CXCursor extension : ExtensionsOf(NameOf(class_cursor))) {
        look_in(extension);
    }
    return found;
}

CXCursor ClassIndex::FindMethod(const std::string &text, CXCursor context) const {
    const size_t colons = text.rfind("::");
    if (colons != std::string::npos) {
        context = FindClass(text.substr(0, colons));
    } else {
        const AnnotationSet annotations = AnnotationSet::Of(context);
        if (const Annotation *extends = annotations.Find("EXTENDS")) {
            context = FindClass(extends->argument);
        }
    }
    const std::string name = colons == std::string::npos ? text : text.substr(colons + 2);
    for (int i = 0; i < kDeepestHierarchy && !clang_Cursor_isNull(context); ++i) {
        const CXCursor method = MethodIn(context, name);
        if (!clang_Cursor_isNull(method)) {
            return method;
        }
        context = BaseOf(context);
    }
    return clang_getNullCursor();
}

}  // namespace opendext::iig
