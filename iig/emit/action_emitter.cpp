// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

ClassModel ActionClass(const ClassModel &model, const MethodModel &method) {
    ClassModel action;
    action.name = fmt::format("OSAction_{}_{}", model.name, method.stem);
    action.super_name = "OSAction";
    action.has_ivars = false;
    return action;
}

void EmitActionClasses(const ClassModel &model, std::string &out) {
    for (const MethodModel &method : model.methods) {
        if (method.kind == MethodKind::kTyped) {
            EmitClass(ActionClass(model, method), out);
        }
    }
}

void EmitActionCreators(const ClassModel &model, std::string &out) {
    for (const MethodModel &method : model.methods) {
        if (method.kind == MethodKind::kTyped) {
            out += fmt::format(
                "kern_return_t {0}::CreateAction{1}(size_t referenceSize, OSAction ** action)\n{{\n"
                "    OSString * const iig_name = OSString::withCString(\"{2}\");\n"
                "    if (!iig_name) {{ return kIOReturnNoMemory; }}\n"
                "    const kern_return_t iig_status =\n"
                "        OSAction::CreateWithTypeName(this, {3}_ID, {4}_ID, referenceSize, "
                "iig_name, action);\n"
                "    iig_name->release();\n    return iig_status;\n}}\n\n",
                model.name, method.stem, ActionClass(model, method).name,
                Prefix(method.introduced_by), Prefix(method.frame_of));
        }
    }
}

}  // namespace opendext::iig
