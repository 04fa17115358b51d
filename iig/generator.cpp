// SPDX-License-Identifier: Apache-2.0
#include "iig/generator.h"

#include <string_view>

#include "iig/emit/emitters.h"

namespace opendext::iig {

Generated Generate(InterfaceRequest request) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (request.text.starts_with(kByteOrderMark)) {
        request.text.erase(0, kByteOrderMark.size());
    }
    InterfaceResult result = ReadInterface(request);
    Generated generated;
    for (const Diagnostic &diagnostic : result.diagnostics.items()) {
        generated.diagnostics += FormatDiagnostic(diagnostic, request.path, request.text);
    }
    generated.files = std::move(result.files);
    generated.is_good = !result.diagnostics.HasErrors();
    if (generated.is_good) {
        generated.header = EmitHeader(result.model);
        generated.implementation = EmitImplementation(result.model);
    }
    return generated;
}

}  // namespace opendext::iig
