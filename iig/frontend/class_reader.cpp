// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/class_reader.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "iig/frontend/annotations.h"
#include "iig/frontend/clang_unit.h"
#include "iig/frontend/method_reader.h"
#include "iig/frontend/plain_method.h"

namespace opendext::iig {

namespace {

bool IsMethodKind(CXCursorKind kind) {
    return kind == CXCursor_CXXMethod || kind == CXCursor_Constructor ||
           kind == CXCursor_Destructor || kind == CXCursor_ConversionFunction ||
           kind == CXCursor_FunctionTemplate;
}

bool IsTypeKind(CXCursorKind kind) {
    return kind == CXCursor_EnumDecl || kind == CXCursor_StructDecl || kind == CXCursor_ClassDecl ||
           kind == CXCursor_UnionDecl || kind == CXCursor_TypedefDecl ||
           kind == CXCursor_TypeAliasDecl || kind == CXCursor_EnumConstantDecl ||
           kind == CXCursor_VarDecl;
}

bool HasWord(const MemberText &text, std::string_view word) {
    return std::ranges::any_of(text.tokens, [&](const Token &token) {
        return token.Is(word) || (token.text.starts_with("IIG_") && token.text.substr(4) == word);
    });
}

// With types that libclang does not know, an override is not seen as one: then its name decides.
bool IsPlainOverride(const BoundMember &member, CXCursor class_cursor, const ClassIndex &classes) {
    const bool is_marked = HasWord(member.text, "override") || HasWord(member.text, "final");
    const bool is_resolved = std::ranges::any_of(member.methods, [&](CXCursor method) {
        return clang_equalCursors(classes.RootOf(method), method) == 0;
    });
    return is_marked && !is_resolved &&
           classes.IsPlainInBases(class_cursor, MethodName(member.text));
}

bool IsPlainMember(const BoundMember &member, CXCursor class_cursor, const ClassIndex &classes) {
    if (member.text.has_body || HasWord(member.text, "LOCALONLY")) {
        return true;
    }
    if (IsPlainOverride(member, class_cursor, classes)) {
        return true;
    }
    return !member.methods.empty() && std::ranges::all_of(member.methods, [&](CXCursor method) {
        return clang_getCursorKind(method) == CXCursor_CXXMethod && classes.IsPlain(method);
    });
}

}  // namespace

ClassScope BindClass(CXCursor cursor, const SourceText &source,
                     const std::vector<OffsetRange> &skipped, const ClassIndex &classes) {
    ClassScope scope;
    scope.cursor = cursor;
    const CXSourceLocation start = clang_getRangeStart(clang_getCursorExtent(cursor));
    scope.text = SplitClass(source, ExpansionPosition(start).offset, skipped);
    for (MemberText &text : scope.text.members) {
        scope.members.push_back({std::move(text), {}, false});
    }
    VisitChildren(cursor, [&scope](CXCursor child) {
        if (!IsMethodKind(clang_getCursorKind(child))) {
            return;
        }
        const unsigned offset = ExpansionPosition(clang_getCursorLocation(child)).offset;
        const auto member = std::ranges::find_if(scope.members, [offset](const BoundMember &m) {
            return m.text.range.Contains(offset);
        });
        if (member != scope.members.end()) {
            member->methods.push_back(child);
        }
    });
    for (BoundMember &member : scope.members) {
        member.is_plain = IsPlainMember(member, cursor, classes);
    }
    return scope;
}

ClassModel ClassReader::Read(const std::vector<const ClassScope *> &scopes) {
    ClassModel model;
    const CXCursor cursor = scopes.front()->cursor;
    ReadHead(cursor, model);
    VisitChildren(cursor, [this](CXCursor child) {
        const auto add = [this](CXCursor type) {
            if (IsTypeKind(clang_getCursorKind(type))) {
                nested_types_.insert(TakeString(clang_getCursorSpelling(type)));
            }
        };
        add(child);
        if (clang_getCursorKind(child) == CXCursor_EnumDecl) {
            VisitChildren(child, add);
        }
    });
    for (const ClassScope *scope : scopes) {
        for (const BoundMember &member : scope->members) {
            ReadMember(member, model);
        }
    }
    CheckIds(model, cursor);
    model.is_abstract = IsAbstract(cursor);
    return model;
}

void ClassReader::ReadHead(CXCursor cursor, ClassModel &model) {
    const AnnotationSet annotations = AnnotationSet::Of(cursor);
    model.name = TakeString(clang_getCursorSpelling(cursor));
    model.is_kernel = annotations.Has("KERNEL");
    model.is_native = annotations.Has("NATIVE");
    model.is_local = annotations.Has("LOCAL");
    for (const Annotation &annotation : annotations.items()) {
        if (annotation.name == "TARGET" || annotation.name == "TYPE" ||
            annotation.name == "QUEUENAME" || annotation.name == "REPLY" ||
            annotation.name == "INVOKEREPLY") {
            diagnostics_->Error(annotation.position,
                                fmt::format("{} does not belong to a class", annotation.name));
        }
    }
    int bases = 0;
    VisitChildren(cursor, [&](CXCursor child) {
        if (clang_getCursorKind(child) == CXCursor_CXXBaseSpecifier && ++bases == 2) {
            diagnostics_->Error(
                ExpansionPosition(clang_getCursorLocation(child)),
                fmt::format("class '{}' has more than one base; an .iig class has exactly one",
                            model.name));
        }
    });
    model.super_name = TakeString(clang_getCursorSpelling(classes_->BaseOf(cursor)));
}

void ClassReader::ReadMember(const BoundMember &member, ClassModel &model) {
    if (member.text.is_directive) {
        directives_ += source_->text().substr(member.text.range.begin,
                                              member.text.range.end - member.text.range.begin);
        directives_ += '\n';
    } else if (member.is_plain) {
        ReadPlain(member, model);
    } else if (member.methods.empty()) {
        model.members.emplace_back(source_->text().substr(
            member.text.range.begin, member.text.range.end - member.text.range.begin));
    } else {
        ReadDispatched(member, model);
    }
}

void ClassReader::ReadPlain(const BoundMember &member, ClassModel &model) {
    const CXCursor cursor = member.methods.empty() ? clang_getNullCursor() : member.methods.front();
    if (!clang_Cursor_isNull(cursor)) {
        CheckPlainAnnotations(cursor);
    }
    const bool is_template = clang_getCursorKind(cursor) == CXCursor_FunctionTemplate;
    if (member.text.has_body || is_template ||
        clang_getCursorKind(cursor) == CXCursor_Constructor) {
        model.members.push_back(JoinTokens(WithoutAnnotations(member.text.tokens)));
        return;
    }
    const bool overrides =
        !clang_Cursor_isNull(cursor) && clang_equalCursors(classes_->RootOf(cursor), cursor) == 0;
    std::optional<MethodModel> method =
        ReadPlainMethod(member.text, cursor, overrides, nested_types_);
    if (method) {
        model.methods.push_back(std::move(*method));
    } else {
        diagnostics_->Error(source_->PositionOf(member.text.range.begin),
                            "LOCALONLY belongs to a method; this is not the declaration of one");
    }
}

void ClassReader::CheckPlainAnnotations(CXCursor method) {
    const std::string name = TakeString(clang_getCursorSpelling(method));
    const AnnotationSet own = AnnotationSet::Of(method);
    for (const Annotation &annotation : own.items()) {
        const bool is_dispatch_word = annotation.name == "QUEUENAME" || annotation.name == "TYPE" ||
                                      annotation.name == "REPLY" ||
                                      annotation.name == "INVOKEREPLY";
        if (!is_dispatch_word) {
            continue;
        }
        if (own.Has("LOCALONLY") || annotation.name != "QUEUENAME") {
            diagnostics_->Error(
                annotation.position,
                fmt::format(
                    "{} on '{}', which is LOCALONLY: a plain C++ method is never dispatched; "
                    "remove one of the two",
                    annotation.name, name));
        } else {
            diagnostics_->Warning(
                annotation.position,
                fmt::format("QUEUENAME has no effect on '{}', which is LOCALONLY in a base class",
                            name));
        }
    }
    for (int i = 0; i < clang_Cursor_getNumArguments(method); ++i) {
        const AnnotationSet parameter =
            AnnotationSet::Of(clang_Cursor_getArgument(method, static_cast<unsigned>(i)));
        for (const Annotation &annotation : parameter.items()) {
            diagnostics_->Error(annotation.position,
                                fmt::format("{} in '{}', which is LOCALONLY: a plain C++ method is "
                                            "never dispatched; remove it",
                                            annotation.name, name));
        }
    }
}

void ClassReader::ReadDispatched(const BoundMember &member, ClassModel &model) {
    const CXCursor cursor = member.methods.front();
    const std::string name = TakeString(clang_getCursorSpelling(cursor));
    const SourcePosition position = ExpansionPosition(clang_getCursorLocation(cursor));
    if (member.methods.size() > 1) {
        diagnostics_->Error(position,
                            fmt::format("declare '{}' and what follows it one by one", name));
        return;
    }
    if (clang_getCursorKind(cursor) != CXCursor_CXXMethod) {
        diagnostics_->Error(
            position, fmt::format("'{}' cannot be dispatched: it is a constructor, a destructor, a "
                                  "conversion or a template; mark it LOCALONLY",
                                  name));
        return;
    }
    MethodReader reader(*classes_, *diagnostics_);
    if (std::optional<MethodModel> method = reader.Read(cursor, member.text, model)) {
        model.methods.push_back(std::move(*method));
    }
}

void ClassReader::CheckIds(const ClassModel &model, CXCursor cursor) {
    std::map<uint64_t, std::string> seen;
    for (const MethodModel &method : model.methods) {
        if (method.id == 0) {
            continue;
        }
        const auto [known, is_new] = seen.emplace(method.id, method.name);
        if (!is_new) {
            diagnostics_->Error(
                ExpansionPosition(clang_getCursorLocation(cursor)),
                fmt::format("methods '{}' and '{}' of class '{}' get the same id; rename one",
                            known->second, method.name, model.name));
        }
    }
}

bool ClassReader::IsAbstract(CXCursor cursor) const {
    std::vector<CXCursor> chain;
    for (CXCursor c = cursor; !clang_Cursor_isNull(c) && chain.size() < 64;
         c = classes_->BaseOf(c)) {
        // What OSMetaClassBase leaves open, iig fills in.
        if (TakeString(clang_getCursorSpelling(c)) != "OSMetaClassBase") {
            chain.insert(chain.begin(), c);
        }
    }
    std::vector<CXCursor> pure;
    for (const CXCursor c : chain) {
        VisitChildren(c, [&](CXCursor child) {
            if (clang_getCursorKind(child) != CXCursor_CXXMethod || !classes_->IsPlain(child)) {
                return;
            }
            const CXCursor root = classes_->RootOf(child);
            std::erase_if(pure, [&](CXCursor p) { return clang_equalCursors(p, root) != 0; });
            if (clang_CXXMethod_isPureVirtual(child) != 0) {
                pure.push_back(root);
            }
        });
    }
    return !pure.empty();
}

}  // namespace opendext::iig
