// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

namespace {

void EmitFrame(const ClassModel &model, const MethodModel &method, std::string &out) {
    // A member of the class, so that types which the class declares are found.
    out += fmt::format("struct {}::{}_Frame : IORPCFrame\n{{\n", model.name, method.stem);
    for (const ParameterModel &parameter : method.parameters) {
        const bool is_inline = method.is_one_way && parameter.element_count > 0;
        out += is_inline
                   ? fmt::format("    {}[{}];\n", Declare(parameter.element_type, parameter.field),
                                 parameter.element_count)
                   : fmt::format("    {};\n", Declare(parameter.field_type, parameter.field));
    }
    if (!method.is_one_way) {
        out += fmt::format("    {} result;\n", ResultType(method));
    }
    out += fmt::format(
        "}};\nusing {0}_{1}_Frame = {0}::{1}_Frame;\nextern const IORPCMethod {0}_{1}_Method;\n\n",
        model.name, method.stem);
}

// Lines that keep, or give back, what one argument of a one-way frame names.
std::string KeepLine(const ParameterModel &parameter, bool is_retain) {
    const std::string field = "iig_arguments->" + parameter.field;
    const char *verb = is_retain ? "retain" : "release";
    if (parameter.kind == ParameterKind::kBlock) {
        return is_retain ? fmt::format("    {0} = Block_copy({0});\n", field)
                         : fmt::format("    if ({0}) {{ Block_release({0}); }}\n", field);
    }
    if (parameter.kind == ParameterKind::kObject) {
        return fmt::format("    if ({}) {{ {}->{}(); }}\n", field,
                           AsMetaClassBase(parameter, field), verb);
    }
    if (parameter.has_object_elements) {
        return fmt::format(
            "    for (auto * iig_object : {}) {{\n        if (iig_object) {{ {}->{}(); }}\n    "
            "}}\n",
            field, AsMetaClassBase(parameter, "iig_object"), verb);
    }
    return {};
}

// Emits the function unless there is nothing to keep; returns its name or "nullptr".
std::string EmitKeeper(const ClassModel &model, const MethodModel &method, bool is_retain,
                       std::string &out) {
    std::string body;
    for (const ParameterModel &parameter : method.parameters) {
        body += KeepLine(parameter, is_retain);
    }
    if (body.empty() || !method.is_one_way) {
        return "nullptr";
    }
    const std::string name =
        fmt::format("{}_{}_{}Arguments", model.name, method.stem, is_retain ? "Retain" : "Release");
    out += fmt::format(
        "static void {}(IORPCFrame * iig_frame)\n{{\n    auto * const iig_arguments = "
        "static_cast<{}_{}_Frame *>(iig_frame);\n{}}}\n\n",
        name, model.name, method.stem, body);
    return name;
}

}  // namespace

void EmitFrames(const ClassModel &model, std::string &out) {
    for (const MethodModel &method : model.methods) {
        if (method.kind == MethodKind::kCall) {
            EmitFrame(model, method, out);
        }
    }
}

void EmitMethodDescriptions(const ClassModel &model, std::string &out) {
    for (const MethodModel &method : model.methods) {
        if (method.kind != MethodKind::kCall) {
            continue;
        }
        const std::string retain = EmitKeeper(model, method, /*is_retain=*/true, out);
        const std::string release = EmitKeeper(model, method, /*is_retain=*/false, out);
        out += fmt::format(
            "const IORPCMethod {0}_{1}_Method = {{\n    {0}_{1}_ID, \"{0}\", \"{2}\", {3}, "
            "sizeof({0}_{1}_Frame), {4}, {5}}};\n\n",
            model.name, method.stem, method.name, method.is_one_way ? "kIORPCMethodOneWay" : "0",
            retain, release);
    }
}

}  // namespace opendext::iig
