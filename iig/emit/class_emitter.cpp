// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

namespace {

// An object-like macro of several lines.
void EmitMacro(const std::string &name, const std::vector<std::string> &lines, std::string &out) {
    out += "#define " + name;
    for (const std::string &line : lines) {
        out += " \\\n    " + line;
    }
    out += "\n\n";
}

void EmitAnnouncements(const ClassModel &model, std::string &out) {
    out += fmt::format("class {0};\nclass {0}MetaClass;\n", model.name);
    if (model.has_ivars) {
        out += fmt::format("struct {0}_IVars;\nstruct {0}_LocalIVars;\n", model.name);
    }
    out += fmt::format(
        "extern OSMetaClass *g{0}MetaClass;\nextern const OSClassLoadInformation {0}_Class;\n\n",
        model.name);
}

void EmitIdsAndArguments(const ClassModel &model, std::string &out) {
    for (const MethodModel &method : model.methods) {
        if (method.id != 0) {
            out +=
                fmt::format("#define {}_{}_ID 0x{:016x}ULL\n", model.name, method.stem, method.id);
        }
    }
    for (const MethodModel &method : model.methods) {
        if (method.kind != MethodKind::kPlain) {
            const std::string parameters = ParameterList(method);
            out += fmt::format("#define {}_{}_Args{}{}\n", model.name, method.stem,
                               parameters.empty() ? "" : " ", parameters);
        }
    }
    out += "\n";
}

// One method's share of <Class>_Methods before the implementations.
void AddPublicDeclarations(const MethodModel &method, const ClassModel &model,
                           std::vector<std::string> &lines) {
    if (method.kind == MethodKind::kPlain) {
        if (!method.is_virtual) {
            lines.push_back(method.declaration + ";");
        }
    } else if (method.kind == MethodKind::kTyped) {
        lines.push_back(
            fmt::format("kern_return_t CreateAction{}(size_t referenceSize, OSAction ** action);",
                        method.stem));
    } else if (HasCaller(method)) {
        const bool is_static = method.kind == MethodKind::kStatic;
        const std::string parameters = CallerParameterList(method, /*with_defaults=*/true);
        lines.push_back(fmt::format("{}{} {}({}){};", is_static ? "static " : "",
                                    ResultType(method), method.name, parameters,
                                    Constness(method)));
        if (is_static && (model.is_local || model.is_native)) {
            lines.push_back(
                fmt::format("static {} {}_Call({});", ResultType(method), method.name, parameters));
        }
    }
}

std::vector<std::string> MethodLines(const ClassModel &model) {
    std::vector<std::string> lines = {
        "public:", "virtual kern_return_t Dispatch(const IORPC rpc) override;",
        fmt::format("static kern_return_t _Dispatch({} * self, const IORPC rpc);", model.name)};
    for (const MethodModel &method : model.methods) {
        AddPublicDeclarations(method, model, lines);
    }
    lines.emplace_back("protected:");
    for (const MethodModel &method : model.methods) {
        if (HasImplementation(method)) {
            lines.push_back(fmt::format("{}{} {}_Impl({});",
                                        method.kind == MethodKind::kStatic ? "static " : "",
                                        ResultType(method), method.name, ParameterList(method)));
        }
    }
    lines.emplace_back("public:");
    for (const MethodModel &method : model.methods) {
        if (method.kind != MethodKind::kCall) {
            continue;
        }
        const std::string parameters = ParameterList(method);
        lines.push_back(fmt::format("struct {}_Frame;", method.stem));
        lines.push_back(fmt::format("typedef {} (*{}_Handler)(OSMetaClassBase *{}{});",
                                    ResultType(method), method.stem, parameters.empty() ? "" : ", ",
                                    parameters));
        lines.push_back(
            fmt::format("static kern_return_t {0}_Invoke(const IORPC rpc, OSMetaClassBase * "
                        "target, {0}_Handler func);",
                        method.stem));
    }
    return lines;
}

// `virtual` goes behind attributes: `[[nodiscard]] virtual int ...`.
std::string Virtual(const std::string &declaration) {
    size_t at = 0;
    while (declaration.compare(at, 2, "[[") == 0) {
        const size_t end = declaration.find("]]", at);
        if (end == std::string::npos) {
            break;
        }
        at = std::min(declaration.find_first_not_of(' ', end + 2), declaration.size());
    }
    return declaration.substr(0, at) + "virtual " + declaration.substr(at);
}

std::vector<std::string> VirtualMethodLines(const ClassModel &model) {
    std::vector<std::string> lines = {"public:"};
    for (const MethodModel &method : model.methods) {
        if (method.kind != MethodKind::kPlain || !method.is_virtual) {
            continue;
        }
        std::string line = Virtual(method.declaration);
        if (method.is_final) {
            line += " final";
        } else if (method.is_override || method.is_in_interface) {
            line += " override";
        }
        line += method.is_pure ? " = 0;" : ";";
        lines.push_back(std::move(line));
    }
    return lines;
}

void EmitMetaClassDeclaration(const ClassModel &model, std::string &out) {
    out += fmt::format(
        "class {}MetaClass : public OSMetaClass\n{{\npublic:\n"
        "    virtual kern_return_t New(OSObject * instance) override;\n}};\n\n",
        model.name);
}

void EmitInterface(const ClassModel &model, std::string &out) {
    out += fmt::format("class {}Interface : public OSInterface\n{{\n", model.name);
    const bool is_empty = std::ranges::none_of(model.methods, &MethodModel::is_in_interface);
    if (!is_empty) {
        out += "public:\n";
        for (const MethodModel &method : model.methods) {
            if (method.is_in_interface) {
                out += fmt::format("    {} = 0;\n", Virtual(method.declaration));
            }
        }
        for (const MethodModel &method : model.methods) {
            if (!method.call_declaration.empty()) {
                out += fmt::format("    {}\n", method.call_declaration);
            }
        }
        out += fmt::format("protected:\n    ~{}Interface() = default;\n", model.name);
    }
    out += "};\n\n";
}

void EmitIvars(const ClassModel &model, std::string &out) {
    if (!model.has_ivars) {
        return;
    }
    out += fmt::format(
        "#if !defined({0}_DECLARE_IVARS)\npublic:\n    union\n    {{\n        {0}_IVars * ivars;\n"
        "        {0}_LocalIVars * lvars;\n    }};\n#else\n    {0}_DECLARE_IVARS\n#endif\n",
        model.name);
}

}  // namespace

void EmitClass(const ClassModel &model, std::string &out) {
    EmitAnnouncements(model, out);
    EmitIdsAndArguments(model, out);
    EmitMacro(model.name + "_Methods", MethodLines(model), out);
    EmitMacro(model.name + "_KernelMethods", {}, out);
    EmitMacro(model.name + "_VirtualMethods", VirtualMethodLines(model), out);
    EmitMetaClassDeclaration(model, out);
    EmitInterface(model, out);
    out += fmt::format("class {0} : public {1}, public {0}Interface\n{{\n", model.name,
                       model.super_name);
    EmitIvars(model, out);
    out += "public:\n";
    for (const std::string &member : model.members) {
        out += fmt::format("    {}\n", member);
    }
    out += fmt::format(
        "    using super = {1};\n"
        "    static OSMetaClass * sGetMetaClass() {{ return g{0}MetaClass; }}\n"
        "    virtual const OSMetaClass * getMetaClass() const override {{ return g{0}MetaClass; "
        "}}\n\n"
        "    {0}_Methods\n    {0}_KernelMethods\n    {0}_VirtualMethods\n}};\n\n",
        model.name, model.super_name);
}

}  // namespace opendext::iig
