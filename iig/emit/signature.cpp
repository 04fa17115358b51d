// SPDX-License-Identifier: Apache-2.0
#include "iig/emit/signature.h"

#include <algorithm>

#include <fmt/format.h>

namespace opendext::iig {

std::string Declare(const SpelledType &type, const std::string &name) {
    return type.before + name + type.after;
}

std::string ResultType(const MethodModel &method) {
    std::string text = method.result.before;
    while (text.ends_with(' ')) {
        text.pop_back();
    }
    return text;
}

std::string ParameterList(const MethodModel &method) {
    std::string text;
    for (const ParameterModel &parameter : method.parameters) {
        text += text.empty() ? "" : ", ";
        text += Declare(parameter.type, parameter.name);
    }
    return text;
}

std::string CallerParameterList(const MethodModel &method, bool with_defaults) {
    std::string text;
    for (const ParameterModel &parameter : method.parameters) {
        text += text.empty() ? "" : ", ";
        text += Declare(parameter.type, parameter.name);
        if (with_defaults && !parameter.default_value.empty()) {
            text += " = " + parameter.default_value;
        }
    }
    if (method.kind != MethodKind::kStatic) {
        text += text.empty() ? "" : ", ";
        text +=
            with_defaults ? "OSDispatchMethod supermethod = NULL" : "OSDispatchMethod supermethod";
    }
    return text;
}

std::string Constness(const MethodModel &method) {
    return method.is_const ? " const" : "";
}

std::string ArgumentList(const MethodModel &method) {
    std::string text;
    for (const ParameterModel &parameter : method.parameters) {
        text += text.empty() ? "" : ", ";
        text += parameter.name;
    }
    return text;
}

std::string Prefix(const MethodReference &reference) {
    return reference.class_name + "_" + reference.stem;
}

bool HasCaller(const MethodModel &method) {
    return method.kind == MethodKind::kCall || method.kind == MethodKind::kStatic;
}

bool HasImplementation(const MethodModel &method) {
    return method.kind != MethodKind::kPlain && !method.is_pure;
}

const ParameterModel *TargetOf(const MethodModel &method) {
    const auto found = std::ranges::find(method.parameters, true, &ParameterModel::is_target);
    return found == method.parameters.end() ? nullptr : &*found;
}

std::string AsMetaClassBase(const ParameterModel &parameter, const std::string &object) {
    return parameter.is_class_complete
               ? fmt::format("static_cast<const OSMetaClassBase *>({})", object)
               : fmt::format("reinterpret_cast<const OSMetaClassBase *>({})", object);
}

}  // namespace opendext::iig
