// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/method_reader.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "iig/frontend/clang_unit.h"
#include "iig/frontend/method_id.h"

namespace opendext::iig {

namespace {

std::string NameOf(CXCursor cursor) {
    return TakeString(clang_getCursorSpelling(cursor));
}

std::string TypeText(CXType type) {
    return TakeString(clang_getTypeSpelling(type));
}

// Text behind the `=` of a parameter whose tokens these are.
std::string DefaultValue(const std::vector<Token> &tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].Is("(") || tokens[i].Is("[") || tokens[i].Is("{")) {
            i = FindClosing(tokens, i);
        } else if (tokens[i].Is("=")) {
            return JoinTokens({tokens.begin() + static_cast<long>(i) + 1, tokens.end()});
        }
    }
    return {};
}

// The member's tokens from a parameter's first to the comma or bracket behind it.
std::vector<Token> TokensOfParameter(CXCursor cursor, const MemberText &text) {
    const size_t begin =
        ExpansionPosition(clang_getRangeStart(clang_getCursorExtent(cursor))).offset;
    std::vector<Token> tokens;
    for (size_t i = 0; i < text.tokens.size(); ++i) {
        const Token &token = text.tokens[i];
        if (token.begin < begin) {
            continue;
        }
        if (token.Is(",") || token.Is(")")) {
            break;
        }
        const bool is_open = token.Is("(") || token.Is("[") || token.Is("{");
        const size_t last =
            is_open ? std::min(FindClosing(text.tokens, i), text.tokens.size() - 1) : i;
        for (; i <= last; ++i) {
            tokens.push_back(text.tokens[i]);
        }
        --i;
    }
    return WithoutAnnotations(tokens);
}

// `asyncData` -> `asyncDataCount`; `segments` -> also `segmentCount`.
std::string FindCount(const ParameterModel &array, const std::vector<ParameterModel> &parameters,
                      const std::vector<bool> &is_integer) {
    std::vector<std::string> names = {array.name + "Count"};
    if (array.name.ends_with('s')) {
        names.push_back(array.name.substr(0, array.name.size() - 1) + "Count");
    }
    for (const std::string &name : names) {
        for (size_t i = 0; i < parameters.size(); ++i) {
            if (parameters[i].name == name && is_integer[i]) {
                return name;
            }
        }
    }
    return {};
}

bool IsInteger(CXType type) {
    const CXTypeKind kind = clang_getCanonicalType(type).kind;
    return kind >= CXType_Char_U && kind <= CXType_Int128 && kind != CXType_Char16 &&
           kind != CXType_Char32;
}

void NameFields(std::vector<ParameterModel> &parameters) {
    std::set<std::string> taken = {"result", "method"};
    for (const ParameterModel &parameter : parameters) {
        taken.insert(parameter.name);
    }
    for (ParameterModel &parameter : parameters) {
        parameter.field = parameter.name;
        if (parameter.field == "result" || parameter.field == "method") {
            while (taken.contains(parameter.field)) {
                parameter.field += '_';
            }
            taken.insert(parameter.field);
        }
    }
}

}  // namespace

void MethodReader::Error(CXCursor cursor, std::string message) {
    diagnostics_->Error(ExpansionPosition(clang_getCursorLocation(cursor)), std::move(message));
}

std::optional<MethodModel> MethodReader::Read(CXCursor cursor, const MemberText &text,
                                              const ClassModel &owner) {
    MethodModel method;
    method.name = NameOf(cursor);
    method.is_virtual = clang_CXXMethod_isVirtual(cursor) != 0;
    method.is_pure = clang_CXXMethod_isPureVirtual(cursor) != 0;
    method.is_const = clang_CXXMethod_isConst(cursor) != 0;
    method.kind = clang_CXXMethod_isStatic(cursor) != 0 ? MethodKind::kStatic : MethodKind::kCall;
    const AnnotationSet annotations = AnnotationSet::Of(cursor);
    if (!CheckAnnotations(annotations, method.name) || !CheckShape(cursor, method)) {
        return std::nullopt;
    }
    if (std::optional<std::string> problem =
            types_.ReadResult(clang_getCursorResultType(cursor), method)) {
        Error(cursor, fmt::format("result of '{}': {}", method.name, *problem));
        return std::nullopt;
    }
    if (!ReadParameters(cursor, text, method) ||
        !ResolveIdentity(cursor, annotations, owner, method) || !CheckOneWay(cursor, method)) {
        return std::nullopt;
    }
    method.runs_in_process = classes_->IsAnnotated(cursor, "LOCAL");
    method.queue_name = classes_->InheritedArgument(cursor, "QUEUENAME");
    return method;
}

bool MethodReader::CheckAnnotations(const AnnotationSet &annotations, const std::string &name) {
    bool is_good = true;
    for (const Annotation &annotation : annotations.items()) {
        const std::string &word = annotation.name;
        if (word == "REPLY" || word == "INVOKEREPLY") {
            diagnostics_->Error(
                annotation.position,
                fmt::format("{} is not supported: mach ports/raw replies do not exist on Linux; "
                            "remove it from '{}', or put the method in #if",
                            word, name));
            is_good = false;
        } else if (word == "TARGET" || word == "PORTMAKESEND" || word == "PORTCOPYSEND") {
            diagnostics_->Error(
                annotation.position,
                fmt::format("{} belongs to a parameter, not to method '{}'", word, name));
            is_good = false;
        } else if (word == "EXTENDS" || word == "NATIVE" || word == "SERIALIZABLE" ||
                   word == "CONCRETE") {
            diagnostics_->Error(
                annotation.position,
                fmt::format("{} belongs to a class, not to method '{}'", word, name));
            is_good = false;
        }
    }
    return is_good;
}

bool MethodReader::CheckShape(CXCursor cursor, const MethodModel &method) {
    if (clang_Cursor_isVariadic(cursor) != 0) {
        Error(cursor, fmt::format("'{}' is dispatched, so it cannot take '...'; mark it LOCALONLY",
                                  method.name));
        return false;
    }
    for (const std::string_view taken :
         {"Dispatch", "_Dispatch", "Invoke", "getMetaClass", "sGetMetaClass"}) {
        if (method.name == taken) {
            Error(
                cursor,
                fmt::format("the method name '{}' is taken by generated code; use another", taken));
            return false;
        }
    }
    if (method.name.starts_with("operator")) {
        Error(cursor, fmt::format("'{}' cannot be dispatched; mark it LOCALONLY", method.name));
        return false;
    }
    return true;
}

bool MethodReader::ReadParameters(CXCursor cursor, const MemberText &text, MethodModel &method) {
    const int count = clang_Cursor_getNumArguments(cursor);
    std::vector<bool> is_integer;
    bool is_good = true;
    for (int i = 0; i < count; ++i) {
        const CXCursor argument = clang_Cursor_getArgument(cursor, static_cast<unsigned>(i));
        ParameterModel parameter;
        is_good = ReadParameter(argument, i, parameter) && is_good;
        parameter.default_value = DefaultValue(TokensOfParameter(argument, text));
        is_integer.push_back(IsInteger(clang_getCursorType(argument)));
        method.parameters.push_back(std::move(parameter));
    }
    for (ParameterModel &parameter : method.parameters) {
        if (parameter.kind == ParameterKind::kArray) {
            parameter.count_parameter = FindCount(parameter, method.parameters, is_integer);
        }
    }
    const auto targets = std::ranges::count(method.parameters, true, &ParameterModel::is_target);
    if (targets > 1) {
        Error(cursor, fmt::format("'{}' has {} TARGET parameters; a message goes to one object",
                                  method.name, targets));
        is_good = false;
    }
    NameFields(method.parameters);
    return is_good;
}

bool MethodReader::ReadParameter(CXCursor cursor, int index, ParameterModel &parameter) {
    parameter.name = NameOf(cursor);
    if (parameter.name.empty()) {
        parameter.name = fmt::format("argument{}", index);
    }
    if (parameter.name == "supermethod" || parameter.name.starts_with("iig_")) {
        Error(cursor, fmt::format("the parameter name '{}' is taken by generated code; use another",
                                  parameter.name));
        return false;
    }
    if (std::optional<std::string> problem = types_.ReadParameter(cursor, parameter)) {
        Error(cursor, fmt::format("parameter '{}': {}", parameter.name, *problem));
        return false;
    }
    return CheckParameterAnnotations(cursor, parameter);
}

bool MethodReader::CheckParameterAnnotations(CXCursor cursor, ParameterModel &parameter) {
    const bool is_action =
        parameter.kind == ParameterKind::kObject &&
        (parameter.object_class == "OSAction" || parameter.object_class.starts_with("OSAction_"));
    bool is_good = true;
    const auto report = [&](const Annotation &annotation, std::string message) {
        diagnostics_->Error(annotation.position, std::move(message));
        is_good = false;
    };
    const AnnotationSet annotations = AnnotationSet::Of(cursor);
    for (const Annotation &annotation : annotations.items()) {
        if (annotation.name == "PORTMAKESEND" || annotation.name == "PORTCOPYSEND") {
            report(annotation,
                   fmt::format("{} is not supported: mach ports/raw replies do not exist on Linux; "
                               "remove it, or put the method in #if",
                               annotation.name));
        } else if (annotation.name == "TARGET") {
            parameter.is_target = true;
            if (!is_action) {
                report(
                    annotation,
                    fmt::format("TARGET needs a parameter of type 'OSAction *', but '{}' is '{}'",
                                parameter.name, TypeText(clang_getCursorType(cursor))));
            }
        } else if (annotation.name == "TYPE") {
            if (!is_action) {
                report(
                    annotation,
                    fmt::format("TYPE({}) on a parameter needs type 'OSAction *', but '{}' is '{}'",
                                annotation.argument, parameter.name,
                                TypeText(clang_getCursorType(cursor))));
                continue;
            }
            const CXCursor owner =
                clang_getCursorSemanticParent(clang_getCursorSemanticParent(cursor));
            if (clang_Cursor_isNull(classes_->FindMethod(annotation.argument, owner))) {
                ReportUnknownTarget(annotation.position, annotation.argument);
                is_good = false;
            }
        } else {
            report(annotation, fmt::format("{} does not belong to a parameter", annotation.name));
        }
    }
    return is_good;
}

bool MethodReader::CheckOneWay(CXCursor cursor, const MethodModel &method) {
    if (!method.is_one_way || method.kind == MethodKind::kStatic) {
        return true;
    }
    bool is_good = true;
    for (size_t i = 0; i < method.parameters.size(); ++i) {
        const ParameterModel &parameter = method.parameters[i];
        const bool is_written =
            parameter.kind == ParameterKind::kObjectOut ||
            (parameter.kind == ParameterKind::kArray && !parameter.type.before.contains("const"));
        if (is_written || parameter.kind == ParameterKind::kPointer) {
            Error(clang_Cursor_getArgument(cursor, static_cast<unsigned>(i)),
                  fmt::format(
                      "'{}' returns void, so it is one-way: nobody waits, and '{}' cannot point to "
                      "the "
                      "caller's storage; return kern_return_t, or pass a value or 'const T {}[N]'",
                      method.name, parameter.name, parameter.name));
            is_good = false;
        }
    }
    return is_good;
}

bool MethodReader::ResolveIdentity(CXCursor cursor, const AnnotationSet &annotations,
                                   const ClassModel &owner, MethodModel &method) {
    const CXCursor root = classes_->RootOf(cursor);
    method.is_override = clang_equalCursors(root, cursor) == 0;
    method.introduced_by = classes_->ReferenceTo(root);
    method.stem = method.introduced_by.stem;
    method.frame_of = method.introduced_by;
    const std::string target = classes_->InheritedArgument(cursor, "TYPE");
    if (!target.empty() && !ResolveType(cursor, annotations.Find("TYPE"), target, method)) {
        return false;
    }
    if (method.is_override) {
        method.kind =
            method.kind == MethodKind::kTyped ? MethodKind::kTyped : MethodKind::kOverride;
        return true;
    }
    std::string signature = owner.name + "::" + method.name;
    if (method.stem != method.name) {
        signature += TypeText(clang_getCanonicalType(clang_getCursorType(cursor)));
    }
    method.id = MethodId(signature, owner.is_kernel);
    return true;
}

bool MethodReader::ResolveType(CXCursor cursor, const Annotation *annotation,
                               const std::string &target, MethodModel &method) {
    const SourcePosition position = annotation != nullptr
                                        ? annotation->position
                                        : ExpansionPosition(clang_getCursorLocation(cursor));
    if (method.kind == MethodKind::kStatic) {
        diagnostics_->Error(
            position, fmt::format("TYPE({}) on static method '{}': an OSAction calls an object; "
                                  "remove static",
                                  target, method.name));
        return false;
    }
    const CXCursor called = FollowType(cursor, target, position);
    if (clang_Cursor_isNull(called)) {
        return false;
    }
    const CXCursor root = classes_->RootOf(cursor);
    const std::string root_target = classes_->InheritedArgument(root, "TYPE");
    if (annotation != nullptr && method.is_override && !root_target.empty() &&
        clang_equalCursors(FollowType(root, root_target, position), called) == 0) {
        diagnostics_->Error(
            position,
            fmt::format("TYPE({}): '{}' overrides a method with TYPE({}); both need the same",
                        target, method.name, root_target));
        return false;
    }
    const CXType own = clang_getCanonicalType(clang_getCursorType(cursor));
    const CXType wanted = clang_getCanonicalType(clang_getCursorType(called));
    if (clang_equalTypes(own, wanted) == 0) {
        diagnostics_->Error(
            position, fmt::format("TYPE({}): '{}' is '{}', but '{}' is '{}'; both need the same "
                                  "parameters and result",
                                  target, method.name, TypeText(clang_getCursorType(cursor)),
                                  target, TypeText(clang_getCursorType(called))));
        return false;
    }
    // An override of an action's method shares its action.
    const bool is_new = !method.is_override || root_target.empty();
    method.kind = is_new ? MethodKind::kTyped : MethodKind::kOverride;
    method.frame_of = classes_->ReferenceTo(called);
    return true;
}

// The method whose frame an action's method gets, through methods that have a TYPE themselves.
CXCursor MethodReader::FollowType(CXCursor cursor, const std::string &target,
                                  const SourcePosition &position) {
    constexpr int kLongestChain = 16;
    CXCursor called = cursor;
    std::string name = target;
    for (int depth = 0; !name.empty(); ++depth) {
        called = classes_->FindMethod(name, clang_getCursorSemanticParent(called));
        if (clang_Cursor_isNull(called)) {
            ReportUnknownTarget(position, name);
            return called;
        }
        called = classes_->RootOf(called);
        if (depth > kLongestChain || clang_equalCursors(called, classes_->RootOf(cursor)) != 0) {
            diagnostics_->Error(
                position,
                fmt::format("TYPE({}) leads back to '{}' itself; name the method that calls "
                            "the action",
                            target, NameOf(cursor)));
            return clang_getNullCursor();
        }
        name = classes_->InheritedArgument(called, "TYPE");
    }
    return called;
}

void MethodReader::ReportUnknownTarget(const SourcePosition &position, const std::string &target) {
    const size_t colons = target.rfind("::");
    const std::string class_name = colons == std::string::npos ? "" : target.substr(0, colons);
    if (!class_name.empty() && clang_Cursor_isNull(classes_->FindClass(class_name))) {
        diagnostics_->Error(
            position,
            fmt::format("TYPE({}): class '{}' is not {} here; include its .iig file", target,
                        class_name, classes_->IsDeclared(class_name) ? "defined" : "known"));
        return;
    }
    diagnostics_->Error(
        position,
        fmt::format("TYPE({}): there is no dispatched method of that name{}; name one that is not "
                    "LOCALONLY, as Class::Method",
                    target,
                    class_name.empty() ? "" : fmt::format(" in '{}' or its bases", class_name)));
}

}  // namespace opendext::iig
