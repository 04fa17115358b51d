// SPDX-License-Identifier: Apache-2.0
// A project.yml from anyone: each of its targets is loaded, or there is an error that says where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "fuzz/path_filter.h"
#include "toolchain/project/xcodegen_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    using namespace opendext::toolchain;
    const std::string_view text(reinterpret_cast<const char *>(data), num_bytes);
    auto document = ParseYaml(text, "f");
    if (!document) {
        if (!document.error().starts_with("f:")) {
            std::abort();
        }
        return 0;
    }
    if (NamesOtherFolders(text)) {
        return 0;
    }
    const XcodeGenSpec specification(*std::move(document), "/nonexistent/project.yml");
    size_t num_targets = 0;
    for (const TargetSummary &summary : specification.Targets()) {
        static_cast<void>(specification.Load(summary.name, {}));
        if (++num_targets == 8) {
            break;
        }
    }
    return 0;
}
