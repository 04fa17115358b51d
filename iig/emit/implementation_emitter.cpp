// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

namespace {

struct Needs {
    bool action = false;
    bool names = false;  // Of action classes.
    bool blocks = false;
    std::set<std::string> metaclasses;  // Of objects that come back through a pointer.
};

void AddNeeds(const MethodModel &method, Needs &needs) {
    const bool is_typed = method.kind == MethodKind::kTyped;
    needs.names = needs.names || is_typed;
    needs.action = needs.action || is_typed || TargetOf(method) != nullptr;
    for (const ParameterModel &parameter : method.parameters) {
        needs.blocks =
            needs.blocks || (method.is_one_way && parameter.kind == ParameterKind::kBlock);
        if (parameter.kind == ParameterKind::kObjectOut && HasCaller(method)) {
            needs.metaclasses.insert(parameter.object_class);
        }
    }
}

Needs FindNeeds(const InterfaceModel &model) {
    Needs needs;
    for (const auto &item : model.items) {
        if (const auto *class_model = std::get_if<ClassModel>(&item)) {
            for (const MethodModel &method : class_model->methods) {
                AddNeeds(method, needs);
            }
        }
    }
    return needs;
}

void EmitIncludes(const InterfaceModel &model, const Needs &needs, std::string &out) {
    const std::string stem = model.file_name.substr(0, model.file_name.rfind('.'));
    out += model.framework.empty() ? fmt::format("#include \"{}.h\"\n\n", stem)
                                   : fmt::format("#include <{}/{}.h>\n\n", model.framework, stem);
    out += "#include <string.h>\n\n#include <new>\n\n#include <DriverKit/IOReturn.h>\n";
    out += needs.action ? "#include <DriverKit/OSAction.h>\n" : "";
    out += needs.names ? "#include <DriverKit/OSString.h>\n" : "";
    out += needs.blocks ? "#include <Block.h>\n" : "";
    out += model.framework.empty() ? "" : "\n#include \"runtime/object/api_call.h\"\n";
    out += "\n" + model.implementation_text + (model.implementation_text.empty() ? "" : "\n");
    // Names in generated functions may coincide with members and with deprecated declarations of the author's.
    out +=
        "#pragma clang diagnostic ignored \"-Wshadow\"\n"
        "#pragma clang diagnostic ignored \"-Wunused-parameter\"\n"
        "#pragma clang diagnostic ignored \"-Wdeprecated-declarations\"\n\n";
    for (const std::string &name : needs.metaclasses) {
        out += fmt::format("extern OSMetaClass *g{}MetaClass;\n", name);
    }
    out +=
        "extern \"C\" {\nextern void *__dso_handle __attribute__((visibility(\"hidden\")));\n}\n\n";
}

void EmitClassImplementation(const ClassModel &model, bool is_framework, std::string &out) {
    EmitMethodDescriptions(model, out);
    EmitMetaClass(model, out);
    EmitDispatch(model, out);
    EmitCallers(model, is_framework, out);
    EmitActionCreators(model, out);
}

}  // namespace

std::string EmitImplementation(const InterfaceModel &model) {
    std::string out = fmt::format("/* iig generated from {} */\n", model.file_name);
    EmitIncludes(model, FindNeeds(model), out);
    const bool is_framework = !model.framework.empty();
    for (const auto &item : model.items) {
        const auto *class_model = std::get_if<ClassModel>(&item);
        if (class_model == nullptr) {
            continue;
        }
        EmitClassImplementation(*class_model, is_framework, out);
        for (const MethodModel &method : class_model->methods) {
            if (method.kind == MethodKind::kTyped) {
                EmitClassImplementation(ActionClass(*class_model, method), is_framework, out);
            }
        }
    }
    return out;
}

}  // namespace opendext::iig
