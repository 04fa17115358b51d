// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "iig/emit/emitters.h"
#include "iig/emit/signature.h"

namespace opendext::iig {

namespace {

std::string ClassFlags(const ClassModel &model) {
    std::string flags;
    const auto add = [&flags](bool is_set, const char *name) {
        if (is_set) {
            flags += flags.empty() ? "" : " | ";
            flags += name;
        }
    };
    add(model.is_kernel, "kOSClassKernel");
    add(model.is_local, "kOSClassLocal");
    add(model.is_abstract, "kOSClassAbstract");
    return flags.empty() ? "0" : flags;
}

// A system class's methods run where they are called, unless the process implements them.
bool RunsOnCaller(const ClassModel &model, const MethodModel &method) {
    return (model.is_kernel || model.is_native || model.is_local) && !method.runs_in_process;
}

int EmitMethodTable(const ClassModel &model, std::string &out) {
    std::string rows;
    int count = 0;
    for (const MethodModel &method : model.methods) {
        if (!HasImplementation(method) || method.kind == MethodKind::kStatic) {
            continue;
        }
        ++count;
        const std::string queue =
            method.queue_name.empty() ? "nullptr" : fmt::format("\"{}\"", method.queue_name);
        rows += fmt::format("    {{{}_ID, \"{}\", {}, {}}},\n", Prefix(method.introduced_by),
                            method.name, queue,
                            RunsOnCaller(model, method) ? "kOSMethodRunsOnCaller" : "0");
    }
    if (count > 0) {
        out += fmt::format("static const OSMethodDescription {}_MethodTable[] = {{\n{}}};\n\n",
                           model.name, rows);
    }
    return count;
}

}  // namespace

void EmitMetaClass(const ClassModel &model, std::string &out) {
    const int count = EmitMethodTable(model, out);
    const bool is_root = model.super_name == "OSMetaClassBase";
    out += fmt::format(
        "static const OSClassDescription {0}_Description = {{\n    \"{0}\", \"{1}\", {2}, "
        "sizeof({0}), {3}, {4}}};\n\n",
        model.name, model.super_name, ClassFlags(model),
        count > 0 ? model.name + "_MethodTable" : "nullptr", count);
    out += fmt::format(
        "static {0}MetaClass {0}_MetaClassInstance;\nOSMetaClass *g{0}MetaClass = nullptr;\n\n",
        model.name);
    out += fmt::format(
        "const OSClassLoadInformation {0}_Class = {{\n    &{0}_Description, &g{0}MetaClass, {1}, "
        "&{0}_MetaClassInstance}};\n\n",
        model.name, is_root ? "nullptr" : fmt::format("&g{}MetaClass", model.super_name));
    out += fmt::format(
        "static const OSClassRegistration {0}_Registration(&{0}_Class, &__dso_handle);\n\n",
        model.name);
    if (model.is_abstract) {
        out += fmt::format(
            "kern_return_t {}MetaClass::New(OSObject *)\n{{\n    return "
            "kIOReturnUnsupported;\n}}\n\n",
            model.name);
    } else {
        // Not `{0}()`: the storage is zero-filled, and stays so.
        out += fmt::format(
            "kern_return_t {0}MetaClass::New(OSObject * instance)\n{{\n"
            "    new (static_cast<void *>(instance)) {0};\n    return kIOReturnSuccess;\n}}\n\n",
            model.name);
    }
}

}  // namespace opendext::iig
