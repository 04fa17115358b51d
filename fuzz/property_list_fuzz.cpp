// SPDX-License-Identifier: Apache-2.0
// Property lists from anyone. What is accepted must be within the limits, and must survive the trip that
// properties make between processes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/property_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    const opendext::PropertyListLimits limits = {
        .max_num_bytes = 1 << 16, .max_num_values = 1 << 10, .max_depth = 16};
    const auto value =
        opendext::ReadPropertyList({reinterpret_cast<const char *>(data), num_bytes}, limits);
    const auto decoded = opendext::DecodePropertyValue({data, num_bytes}, limits);
    for (const auto &candidate : {value, decoded}) {
        if (!candidate) {
            continue;
        }
        // Reserved keys are refused, everything else must come back as it was.
        const auto bytes = opendext::EncodePropertyValue(*candidate);
        if (bytes && opendext::DecodePropertyValue(*bytes).value() != *candidate) {
            std::abort();
        }
    }
    return 0;
}
