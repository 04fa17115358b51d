// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

namespace {

// The call of `owner`'s Invoke with a function that calls the implementation.
std::string InvokeExpression(const ClassModel &model, const MethodModel &method,
                             const MethodReference &frame_of) {
    const std::string parameters = ParameterList(method);
    return fmt::format(
        "{0}::{1}_Invoke(rpc, self, [](OSMetaClassBase * iig_target{2}{3}) -> {4} {{ return "
        "static_cast<{5} "
        "*>(iig_target)->{6}_Impl({7}); }})",
        frame_of.class_name, frame_of.stem, parameters.empty() ? "" : ", ", parameters,
        ResultType(method), model.name, method.name, ArgumentList(method));
}

void EmitCase(const ClassModel &model, const MethodModel &method, std::string &out) {
    out += fmt::format("        case {}_ID:\n", Prefix(method.introduced_by));
    // A method that overrides one and serves actions too is called with either frame.
    if (method.kind == MethodKind::kTyped && method.is_override) {
        out += fmt::format(
            "            if (rpc.frame->method == &{}_Method) {{\n                return {};\n     "
            "       }}\n",
            Prefix(method.introduced_by), InvokeExpression(model, method, method.introduced_by));
    }
    out +=
        fmt::format("            return {};\n", InvokeExpression(model, method, method.frame_of));
}

// Whether it can be what an OSAction calls: OSAction::Create takes it for any method with the same arguments, without TYPE.
bool MayServeAnAction(const MethodModel &method) {
    return method.is_one_way && !method.parameters.empty() &&
           method.parameters.front().object_class == "OSAction";
}

// The condition under which a frame is not one of `method`.
std::string ForeignFrame(const ClassModel &model, const MethodModel &method) {
    const std::string own = fmt::format("{}_{}_Method", model.name, method.stem);
    std::string condition = fmt::format("rpc.frame->method != &{}", own);
    if (MayServeAnAction(method)) {
        condition += fmt::format(
            " && (rpc.frame->method->flags != {0}.flags || rpc.frame->method->frameSize != "
            "{0}.frameSize)",
            own);
    }
    return condition;
}

void EmitInvoke(const ClassModel &model, const MethodModel &method, std::string &out) {
    std::string arguments;
    for (const ParameterModel &parameter : method.parameters) {
        arguments += ", iig_frame->" + parameter.field;
    }
    const bool uses_frame = !arguments.empty() || !method.is_one_way;
    out += fmt::format(
        "kern_return_t {0}::{1}_Invoke(const IORPC rpc, OSMetaClassBase * target, {1}_Handler "
        "func)\n{{\n"
        "    if ({2}) {{ return kIOReturnIPCError; }}\n",
        model.name, method.stem, ForeignFrame(model, method));
    if (uses_frame) {
        out += fmt::format("    auto * const iig_frame = static_cast<{}_Frame *>(rpc.frame);\n",
                           method.stem);
    }
    out += fmt::format("    {}func(target{});\n    return kIOReturnSuccess;\n}}\n\n",
                       method.is_one_way ? "" : "iig_frame->result = ", arguments);
}

}  // namespace

void EmitDispatch(const ClassModel &model, std::string &out) {
    out += fmt::format(
        "kern_return_t {0}::Dispatch(const IORPC rpc)\n{{\n    return _Dispatch(this, "
        "rpc);\n}}\n\n",
        model.name);
    out += fmt::format(
        "kern_return_t {0}::_Dispatch({0} * self, const IORPC rpc)\n{{\n    switch (rpc.methodID) "
        "{{\n",
        model.name);
    for (const MethodModel &method : model.methods) {
        if (HasImplementation(method) && method.kind != MethodKind::kStatic) {
            EmitCase(model, method, out);
        }
    }
    out += "        default:\n            return super::_Dispatch(self, rpc);\n    }\n}\n\n";
    for (const MethodModel &method : model.methods) {
        if (method.kind == MethodKind::kCall) {
            EmitInvoke(model, method, out);
        }
    }
}

}  // namespace opendext::iig
