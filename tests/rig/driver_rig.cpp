// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/driver_rig.h"

#include <utility>

#include "tests/rig/embedded_rig.h"
#include "tests/rig/two_process_rig.h"

namespace opendext::rig {

std::string RigVariantName(RigVariant variant) {
    return variant == RigVariant::kEmbedded ? "Embedded" : "TwoProcess";
}

void PrintTo(RigVariant variant, std::ostream *stream) {
    *stream << RigVariantName(variant);
}

std::expected<std::unique_ptr<DriverRig>, std::string> DriverRig::Start(RigVariant variant,
                                                                        const RigOptions &options) {
    if (variant == RigVariant::kEmbedded) {
        return EmbeddedRig::Start(options);
    }
    auto rig = TwoProcessRig::Start(options);
    if (!rig) {
        return std::unexpected(std::move(rig.error()));
    }
    return *std::move(rig);
}

}  // namespace opendext::rig
