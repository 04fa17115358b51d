// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "iig/emit/emitters.h"

namespace opendext::iig {

namespace {

std::string Upper(const std::string &name) {
    std::string text;
    for (const char c : name) {
        const auto u = static_cast<unsigned char>(c);
        text += std::isalnum(u) != 0 ? static_cast<char>(std::toupper(u)) : '_';
    }
    return text;
}

std::string GuardName(const InterfaceModel &model) {
    const std::string stem = model.file_name.substr(0, model.file_name.rfind('.'));
    const std::string framework = model.framework.empty() ? "" : Upper(model.framework) + "_";
    return "OPENDEXT_IIG_" + framework + Upper(stem) + "_H";
}

bool NeedsAction(const InterfaceModel &model) {
    return std::ranges::any_of(model.items, [](const auto &item) {
        const auto *c = std::get_if<ClassModel>(&item);
        return c != nullptr && std::ranges::any_of(c->methods, [](const MethodModel &m) {
                   return m.kind == MethodKind::kTyped;
               });
    });
}

bool Declares(const InterfaceModel &model, const std::string &name) {
    return std::ranges::any_of(model.items, [&](const auto &item) {
        const auto *c = std::get_if<ClassModel>(&item);
        return c != nullptr && c->name == name;
    });
}

}  // namespace

std::string EmitHeader(const InterfaceModel &model) {
    const std::string guard = GuardName(model);
    const std::string source = model.framework.empty()
                                   ? fmt::format("\"{}\"", model.file_name)
                                   : fmt::format("<{}/{}>", model.framework, model.file_name);
    std::string out = fmt::format("/* iig generated from {} */\n#ifndef {}\n#define {}\n\n",
                                  model.file_name, guard, guard);
    // Another .iig that includes this header is told the same by the .iig itself.
    out += fmt::format("#if defined(__IIG)\n#include {}\n#else\n\n", source);
    out += "#include <DriverKit/OSMetaClass.h>\n\n";
    bool has_action = !NeedsAction(model) || Declares(model, "OSAction");
    for (const auto &item : model.items) {
        if (const auto *text = std::get_if<VerbatimText>(&item)) {
            out += text->text;
            out += "\n";
        } else if (const auto *class_model = std::get_if<ClassModel>(&item)) {
            if (!has_action) {
                out += "#include <DriverKit/OSAction.h>\n";
                has_action = true;
            }
            out += "extern \"C++\" {\n\n";
            EmitClass(*class_model, out);
            EmitFrames(*class_model, out);
            EmitActionClasses(*class_model, out);
            out += "}  // extern \"C++\"\n\n";
        }
    }
    out += fmt::format("#endif  // !__IIG\n\n#endif  // {}\n", guard);
    return out;
}

}  // namespace opendext::iig
