// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

namespace {

// What a caller returns when the call cannot be made.
std::string Failure(const MethodModel &method, const std::string &code) {
    if (method.is_one_way) {
        return "return;";
    }
    return method.returns_status ? fmt::format("return {};", code) : "return {};";
}

void EmitCountChecks(const MethodModel &method, std::string &out) {
    for (const ParameterModel &parameter : method.parameters) {
        if (!parameter.count_parameter.empty()) {
            out += fmt::format("    if (static_cast<uint64_t>({}) > {}) {{ {} }}\n",
                               parameter.count_parameter, parameter.element_count,
                               Failure(method, "kIOReturnOverrun"));
        }
    }
}

// Strings that do not end within their array are cut off, in a copy.
void EmitStringCopies(const MethodModel &method, std::string &out) {
    for (const ParameterModel &parameter : method.parameters) {
        if (parameter.kind == ParameterKind::kString) {
            out += fmt::format(
                "    char iig_{0}[{1}];\n"
                "    if ({0} && strnlen({0}, {1}) == {1}) {{\n"
                "        memcpy(iig_{0}, {0}, {1} - 1);\n        iig_{0}[{1} - 1] = 0;\n        "
                "{0} = iig_{0};\n    }}\n",
                parameter.name, parameter.element_count);
        }
    }
}

void EmitObjectOutChecks(const MethodModel &method, std::string &out) {
    for (const ParameterModel &parameter : method.parameters) {
        if (parameter.kind == ParameterKind::kObjectOut) {
            out += fmt::format("    if (!{}) {{ {} }}\n", parameter.name,
                               Failure(method, "kIOReturnBadArgument"));
        }
    }
}

bool IsCheckedOut(const ParameterModel &parameter) {
    return parameter.kind == ParameterKind::kObjectOut && parameter.object_class != "OSObject" &&
           parameter.object_class != "OSMetaClassBase";
}

// After a call without error, an object that is not of the declared class is taken back. What the
// implementation stores goes to the caller directly, with an error too.
void EmitObjectOutResults(const MethodModel &method, const std::string &result, std::string &out) {
    if (std::ranges::none_of(method.parameters, IsCheckedOut)) {
        return;
    }
    if (method.returns_status) {
        out += fmt::format("    if ({0} != kIOReturnSuccess) {{ return {0}; }}\n", result);
    }
    out += "    bool iig_is_wrong = false;\n";
    for (const ParameterModel &parameter : method.parameters) {
        if (!IsCheckedOut(parameter)) {
            continue;
        }
        const std::string object = "*" + parameter.name;
        const std::string base = AsMetaClassBase(parameter, object);
        out += fmt::format(
            "    if ({0} && !OSMetaClassBase::safeMetaCast({1}, g{2}MetaClass)) {{\n"
            "        {1}->release();\n        {0} = nullptr;\n        iig_is_wrong = true;\n   "
            " }}\n",
            object, base, parameter.object_class);
    }
    out += fmt::format("    if (iig_is_wrong) {{ {} }}\n", Failure(method, "kIOReturnBadArgument"));
}

// `supermethod(this, iig_rpc)` or the target action's.
std::string SendExpression(const ClassModel &model, const MethodModel &method) {
    const ParameterModel *target = TargetOf(method);
    if (target != nullptr) {
        return fmt::format("supermethod ? supermethod({0}, iig_rpc) : {0}->Invoke(iig_rpc)",
                           target->name);
    }
    if (method.is_const) {
        return fmt::format(
            "supermethod ? supermethod(const_cast<{0} *>(this), iig_rpc) : "
            "const_cast<{0} *>(this)->OSMetaClassBase::Invoke(iig_rpc)",
            model.name);
    }
    return "supermethod ? supermethod(this, iig_rpc) : OSMetaClassBase::Invoke(iig_rpc)";
}

void EmitSignature(const ClassModel &model, const MethodModel &method, const std::string &name,
                   std::string &out) {
    // The result's type may be one that the class declares: then it is only known behind the name.
    const bool is_known = method.is_one_way || method.returns_status;
    const std::string function = fmt::format("{}::{}({}){}", model.name, name,
                                             CallerParameterList(method, false), Constness(method));
    out += is_known ? fmt::format("{} {}\n{{\n", ResultType(method), function)
                    : fmt::format("auto {} -> {}\n{{\n", function, ResultType(method));
}

void EmitTargetCheck(const MethodModel &method, std::string &out) {
    if (const ParameterModel *target = TargetOf(method)) {
        out += fmt::format("    if (!{}) {{ {} }}\n", target->name,
                           Failure(method, "kIOReturnBadArgument"));
    }
}

// Whoever watches the calls of a framework may refuse this one; an object that comes back is NULL then.
void EmitRefusal(const ClassModel &model, const MethodModel &method, std::string &out) {
    if (!method.returns_status) {
        return;
    }
    std::string cleared;
    for (const ParameterModel &parameter : method.parameters) {
        if (parameter.kind == ParameterKind::kObjectOut) {
            cleared += fmt::format("*{} = nullptr; ", parameter.name);
        }
    }
    out += fmt::format(
        "    if (const kern_return_t iig_refusal = opendext::object::AskApiCall(\"{}\", \"{}\", "
        "__builtin_return_address(0))) {{ {}return iig_refusal; }}\n",
        model.name, method.name, cleared);
}

void EmitSynchronous(const ClassModel &model, const MethodModel &method, bool is_framework,
                     std::string &out) {
    EmitSignature(model, method, method.name, out);
    EmitTargetCheck(method, out);
    EmitCountChecks(method, out);
    EmitStringCopies(method, out);
    EmitObjectOutChecks(method, out);
    if (is_framework) {
        EmitRefusal(model, method, out);
    }
    const std::string arguments = ArgumentList(method);
    out += fmt::format("    {0}_Frame iig_frame{{{{&{1}_{0}_Method}}, {2}{3}{{}}}};\n", method.stem,
                       model.name, arguments, arguments.empty() ? "" : ", ");
    out +=
        fmt::format("    const IORPC iig_rpc{{&iig_frame, {}_{}_ID}};\n", model.name, method.stem);
    out += fmt::format("    const kern_return_t iig_status = {};\n", SendExpression(model, method));
    out += fmt::format("    if (iig_status != kIOReturnSuccess) {{ {} }}\n",
                       Failure(method, "iig_status"));
    EmitObjectOutResults(method, "iig_frame.result", out);
    out += "    return iig_frame.result;\n}\n\n";
}

void EmitInlineArray(const ParameterModel &parameter, std::string &out) {
    if (parameter.kind == ParameterKind::kString) {
        out +=
            fmt::format("    if ({0}) {{ memcpy(iig_frame.{1}, {0}, strnlen({0}, {2} - 1)); }}\n",
                        parameter.name, parameter.field, parameter.element_count);
        return;
    }
    const std::string count =
        parameter.count_parameter.empty()
            ? fmt::format("{}", parameter.element_count)
            : fmt::format("static_cast<size_t>({})", parameter.count_parameter);
    const std::string condition = parameter.count_parameter.empty()
                                      ? ""
                                      : fmt::format(" && {} > 0", parameter.count_parameter);
    out += fmt::format(
        "    if (!{0}{1}) {{ return; }}\n"
        "    for (size_t iig_index = 0; iig_index < {2}; ++iig_index) {{ iig_frame.{3}[iig_index] "
        "= {0}[iig_index]; }}\n",
        parameter.name, condition, count, parameter.field);
}

void EmitOneWay(const ClassModel &model, const MethodModel &method, std::string &out) {
    EmitSignature(model, method, method.name, out);
    EmitTargetCheck(method, out);
    EmitCountChecks(method, out);
    out += fmt::format("    {0}_Frame iig_frame{{}};\n    iig_frame.method = &{1}_{0}_Method;\n",
                       method.stem, model.name);
    for (const ParameterModel &parameter : method.parameters) {
        if (parameter.element_count > 0) {
            EmitInlineArray(parameter, out);
        } else {
            out += fmt::format("    iig_frame.{} = {};\n", parameter.field, parameter.name);
        }
    }
    out +=
        fmt::format("    const IORPC iig_rpc{{&iig_frame, {}_{}_ID}};\n", model.name, method.stem);
    out += fmt::format("    static_cast<void>({});\n}}\n\n", SendExpression(model, method));
}

void EmitStatic(const ClassModel &model, const MethodModel &method, bool is_framework,
                std::string &out) {
    EmitSignature(model, method, method.name, out);
    EmitCountChecks(method, out);
    EmitStringCopies(method, out);
    EmitObjectOutChecks(method, out);
    if (is_framework) {
        EmitRefusal(model, method, out);
    }
    const std::string call = fmt::format("{}_Impl({})", method.name, ArgumentList(method));
    if (method.is_one_way) {
        out += fmt::format("    {};\n", call);
        EmitObjectOutResults(method, "", out);
        out += "}\n\n";
    } else {
        out += fmt::format("    const auto iig_result = {};\n", call);
        EmitObjectOutResults(method, "iig_result", out);
        out += "    return iig_result;\n}\n\n";
    }
    if (model.is_local || model.is_native) {
        EmitSignature(model, method, method.name + "_Call", out);
        out += fmt::format("    return {}({});\n}}\n\n", method.name, ArgumentList(method));
    }
}

}  // namespace

void EmitCallers(const ClassModel &model, bool is_framework, std::string &out) {
    for (const MethodModel &method : model.methods) {
        if (method.kind == MethodKind::kStatic) {
            EmitStatic(model, method, is_framework, out);
        } else if (method.kind == MethodKind::kCall) {
            method.is_one_way ? EmitOneWay(model, method, out)
                              : EmitSynchronous(model, method, is_framework, out);
        }
    }
}

}  // namespace opendext::iig
