// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/type_reader.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "iig/frontend/clang_unit.h"

namespace opendext::iig {

namespace {

constexpr int kDeepestRecord = 32;

std::string Spelling(CXType type) {
    std::string text = TakeString(clang_getTypeSpelling(type));
    for (const std::string_view word :
         {" _Nullable_result", " _Nullable", " _Nonnull", " _Null_unspecified", "_Nullable ",
          "_Nonnull ", "_Null_unspecified "}) {
        for (size_t at = text.find(word); at != std::string::npos; at = text.find(word)) {
            text.erase(at, word.size());
        }
    }
    return text;
}

bool IsScalar(CXType canonical) {
    return (canonical.kind >= CXType_Bool && canonical.kind <= CXType_LongDouble) ||
           canonical.kind == CXType_Float128 || canonical.kind == CXType_Half ||
           canonical.kind == CXType_Enum;
}

// Through names of types to what they stand for, one level at a time, until it is of `kind`.
CXType Desugar(CXType type, bool (*is_wanted)(CXTypeKind), bool &is_const) {
    for (int i = 0; i < 64 && !is_wanted(type.kind); ++i) {
        is_const = is_const || clang_isConstQualifiedType(type) != 0;
        if (type.kind == CXType_Elaborated) {
            type = clang_Type_getNamedType(type);
        } else if (type.kind == CXType_Typedef) {
            type = clang_getTypedefDeclUnderlyingType(clang_getTypeDeclaration(type));
        } else {
            return clang_getCanonicalType(type);
        }
    }
    is_const = is_const || clang_isConstQualifiedType(type) != 0;
    return type;
}

bool IsArrayKind(CXTypeKind kind) {
    return kind == CXType_ConstantArray || kind == CXType_IncompleteArray;
}

std::string WithoutConst(CXType type) {
    return Spelling(clang_getUnqualifiedType(type));
}

bool IsInNamespaceStd(CXCursor declaration) {
    for (CXCursor scope = declaration;
         !clang_Cursor_isNull(scope) && clang_getCursorKind(scope) != CXCursor_TranslationUnit &&
         !clang_isInvalid(clang_getCursorKind(scope));
         scope = clang_getCursorSemanticParent(scope)) {
        if (clang_getCursorKind(scope) == CXCursor_Namespace &&
            TakeString(clang_getCursorSpelling(scope)) == "std") {
            return true;
        }
    }
    return false;
}

std::string CannotBeSent(CXType type, std::string_view reason) {
    return fmt::format("'{}' cannot be sent in a message: {}", Spelling(type), reason);
}

constexpr std::string_view kUseLocalOnly = "or mark the method LOCALONLY";

bool HasTypedefName(CXType type, std::initializer_list<std::string_view> names) {
    for (int i = 0; i < 16; ++i) {
        if (type.kind == CXType_Elaborated) {
            type = clang_Type_getNamedType(type);
            continue;
        }
        if (type.kind != CXType_Typedef) {
            return false;
        }
        const CXCursor declaration = clang_getTypeDeclaration(type);
        const std::string name = TakeString(clang_getCursorSpelling(declaration));
        if (std::ranges::find(names, std::string_view(name)) != names.end()) {
            return true;
        }
        type = clang_getTypedefDeclUnderlyingType(declaration);
    }
    return false;
}

}  // namespace

SpelledType SpellType(CXType type) {
    const std::string text = Spelling(type);
    for (const std::string_view mark : {"(^)", "(*)", "(^const)", "(*const)"}) {
        const size_t at = text.find(mark);
        if (at != std::string::npos) {
            const size_t split = at + mark.size() - 1;
            return {text.substr(0, split) + (mark.size() > 3 ? " " : ""), text.substr(split)};
        }
    }
    return {text + " ", ""};
}

bool TypeReader::IsObject(CXType type) const {
    const CXType canonical = clang_getCanonicalType(type);
    if (canonical.kind != CXType_Record) {
        return false;
    }
    const CXCursor declaration = clang_getTypeDeclaration(canonical);
    const CXCursor definition = clang_getCursorDefinition(declaration);
    if (clang_Cursor_isNull(definition)) {
        return clang_getCursorKind(declaration) == CXCursor_ClassDecl &&
               !IsInNamespaceStd(declaration);
    }
    return classes_->IsObjectClass(definition);
}

bool TypeReader::IsComplete(CXType type) const {
    return !clang_Cursor_isNull(
        clang_getCursorDefinition(clang_getTypeDeclaration(clang_getCanonicalType(type))));
}

// Scalars, and records of such without code of their own: bytes may be copied.
std::optional<std::string> TypeReader::CheckPlain(CXType type, int depth) const {
    const CXType canonical = clang_getCanonicalType(type);
    if (IsScalar(canonical)) {
        return std::nullopt;
    }
    if (depth > 0 && (canonical.kind == CXType_Pointer || canonical.kind == CXType_BlockPointer)) {
        return std::nullopt;
    }
    if (IsArrayKind(canonical.kind) && depth > 0) {
        return CheckPlain(clang_getArrayElementType(canonical), depth);
    }
    if (canonical.kind != CXType_Record || depth > kDeepestRecord) {
        return CannotBeSent(
            type, fmt::format("use scalars, plain structs, OSObject classes or blocks, {}",
                              kUseLocalOnly));
    }
    const CXCursor definition = clang_getCursorDefinition(clang_getTypeDeclaration(canonical));
    if (clang_Cursor_isNull(definition)) {
        return CannotBeSent(
            type, fmt::format("its definition is not known here; include it, {}", kUseLocalOnly));
    }
    if (IsInNamespaceStd(definition)) {
        return CannotBeSent(
            type,
            fmt::format("it is a C++ library type; use a plain struct, an array or OSData, {}",
                        kUseLocalOnly));
    }
    if (IsObject(type)) {
        return CannotBeSent(type, "objects are passed as pointers; add a '*'");
    }
    std::optional<std::string> problem;
    VisitChildren(definition, [&](CXCursor child) {
        const CXCursorKind kind = clang_getCursorKind(child);
        const bool has_code =
            kind == CXCursor_Destructor || kind == CXCursor_CXXBaseSpecifier ||
            (kind == CXCursor_Constructor && clang_CXXConstructor_isCopyConstructor(child)) ||
            (kind == CXCursor_CXXMethod && clang_CXXMethod_isVirtual(child));
        if (has_code && !problem) {
            problem = CannotBeSent(
                type,
                fmt::format("it is not a plain struct; use one without bases, virtual functions, "
                            "destructor and copy constructor, {}",
                            kUseLocalOnly));
        } else if (kind == CXCursor_FieldDecl && !problem) {
            problem = CheckPlain(clang_getCursorType(child), depth + 1);
        }
    });
    return problem;
}

std::optional<std::string> TypeReader::ReadPointer(CXType type, ParameterModel &parameter) const {
    const CXType pointee = clang_getPointeeType(clang_getCanonicalType(type));
    if (IsObject(pointee)) {
        parameter.kind = ParameterKind::kObject;
        parameter.object_class = WithoutConst(pointee);
        parameter.is_class_complete = IsComplete(pointee);
        return std::nullopt;
    }
    if (pointee.kind == CXType_Pointer && IsObject(clang_getPointeeType(pointee))) {
        if (clang_isConstQualifiedType(pointee) != 0) {
            return CannotBeSent(type, "write an array of objects as 'Class * const name[N]'");
        }
        parameter.kind = ParameterKind::kObjectOut;
        parameter.object_class = WithoutConst(clang_getPointeeType(pointee));
        parameter.is_class_complete = IsComplete(clang_getPointeeType(pointee));
        return std::nullopt;
    }
    parameter.kind = ParameterKind::kPointer;
    if (pointee.kind == CXType_Void) {
        return CannotBeSent(
            type, fmt::format("what it points to is unknown; use OSData, a memory descriptor or an "
                              "integer, {}",
                              kUseLocalOnly));
    }
    if (pointee.kind == CXType_Pointer) {
        return CannotBeSent(
            type,
            fmt::format("only pointers to scalars, plain structs and OSObject classes can be; "
                        "use one of them, {}",
                        kUseLocalOnly));
    }
    if (pointee.kind == CXType_FunctionProto || pointee.kind == CXType_FunctionNoProto) {
        return CannotBeSent(
            type,
            fmt::format("it is a function pointer; use an OSAction or a block, {}", kUseLocalOnly));
    }
    if (std::optional<std::string> problem = CheckPlain(pointee)) {
        return CannotBeSent(
            type,
            fmt::format("only pointers to scalars, plain structs and OSObject classes can be; "
                        "use one of them, {}",
                        kUseLocalOnly));
    }
    return std::nullopt;
}

std::optional<std::string> TypeReader::ReadArray(CXType type, ParameterModel &parameter) const {
    bool is_const = false;
    const CXType array = Desugar(type, IsArrayKind, is_const);
    const CXType element = clang_getArrayElementType(array);
    const CXType canonical = clang_getCanonicalType(element);
    is_const = is_const || clang_isConstQualifiedType(element) != 0 ||
               clang_isConstQualifiedType(canonical) != 0;
    const bool is_object =
        canonical.kind == CXType_Pointer && IsObject(clang_getPointeeType(canonical));
    if (!is_object) {
        if (IsArrayKind(canonical.kind)) {
            return CannotBeSent(
                type, "arrays have one dimension here; use one, or a struct that holds the rest");
        }
        if (std::optional<std::string> problem = CheckPlain(element)) {
            return problem;
        }
    } else {
        parameter.object_class = WithoutConst(clang_getPointeeType(canonical));
        parameter.is_class_complete = IsComplete(clang_getPointeeType(canonical));
        parameter.has_object_elements = true;
    }
    const std::string name = WithoutConst(element);
    parameter.element_type = {name + " ", ""};
    const char *constness = is_const ? "const " : "";
    parameter.type = is_object ? SpelledType{fmt::format("{} {}* ", name, constness), ""}
                               : SpelledType{fmt::format("{}{} * ", constness, name), ""};
    parameter.field_type = parameter.type;
    const long long count = clang_getArraySize(array);
    if (count <= 0) {
        parameter.kind = ParameterKind::kPointer;
        return std::nullopt;
    }
    if (count > (1LL << 20)) {
        return CannotBeSent(type, "it is too large; use OSData or a memory descriptor");
    }
    parameter.element_count = static_cast<uint64_t>(count);
    const bool is_char = canonical.kind == CXType_Char_S || canonical.kind == CXType_Char_U;
    parameter.kind = is_char && is_const ? ParameterKind::kString : ParameterKind::kArray;
    return std::nullopt;
}

std::optional<std::string> TypeReader::ReadParameter(CXCursor cursor,
                                                     ParameterModel &parameter) const {
    const CXType type = clang_getCursorType(cursor);
    const CXType canonical = clang_getCanonicalType(type);
    parameter.type = SpellType(type);
    parameter.field_type = SpellType(clang_getUnqualifiedType(type));
    switch (canonical.kind) {
        case CXType_LValueReference:
        case CXType_RValueReference:
            return CannotBeSent(type, fmt::format("it is a reference; use a pointer or a value, {}",
                                                  kUseLocalOnly));
        case CXType_BlockPointer:
            parameter.kind = ParameterKind::kBlock;
            return std::nullopt;
        case CXType_Pointer:
            return ReadPointer(type, parameter);
        case CXType_ConstantArray:
        case CXType_IncompleteArray:
            return ReadArray(type, parameter);
        default:
            parameter.kind = ParameterKind::kValue;
            return CheckPlain(type);
    }
}

std::optional<std::string> TypeReader::ReadResult(CXType type, MethodModel &method) const {
    const CXType canonical = clang_getCanonicalType(type);
    method.result = SpellType(clang_getUnqualifiedType(type));
    method.is_one_way = canonical.kind == CXType_Void;
    method.returns_status = HasTypedefName(type, {"kern_return_t", "IOReturn"});
    if (!method.result.after.empty()) {
        return CannotBeSent(type, "give the type of the result a name with typedef");
    }
    if (method.is_one_way ||
        (canonical.kind == CXType_Pointer && IsObject(clang_getPointeeType(canonical)))) {
        return std::nullopt;
    }
    if (canonical.kind == CXType_Pointer) {
        ParameterModel pointer;
        return ReadPointer(type, pointer);
    }
    return CheckPlain(type);
}

}  // namespace opendext::iig
