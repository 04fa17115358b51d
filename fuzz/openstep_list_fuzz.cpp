// SPDX-License-Identifier: Apache-2.0
// A project.pbxproj from anyone: each of its targets is loaded, or there is an error that says where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/path_filter.h"
#include "toolchain/project/project.h"
#include "toolchain/project/target_arguments.h"
#include "toolchain/project/xcode_project.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    using namespace opendext::toolchain;
    const std::string_view text(reinterpret_cast<const char *>(data), num_bytes);
    const auto project = XcodeProject::Parse(text, "/nonexistent/X.xcodeproj/project.pbxproj");
    if (!project) {
        if (project.error().find("error: ") == std::string::npos) {
            std::abort();
        }
        return 0;
    }
    if (NamesOtherFolders(text)) {
        return 0;
    }
    size_t num_targets = 0;
    for (const TargetSummary &summary : (*project)->Targets()) {
        const auto target = (*project)->Load(summary.name, {});
        if (target) {
            static_cast<void>(target->settings.Text("PRODUCT_BUNDLE_IDENTIFIER"));
            static_cast<void>(target->settings.Words("OTHER_CFLAGS"));
        }
        if (++num_targets == 8) {
            break;
        }
    }
    return 0;
}
