// SPDX-License-Identifier: Apache-2.0
// Reports as a driver gives them: a legend and elements.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/property_list.h"
#include "channel/wire/report_text.h"

// The first two bytes are the length of the legend, a property list; the elements follow it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const std::span<const uint8_t> rest(data + 2, size - 2);
    const size_t length = (size_t{data[0]} << 8) | data[1];
    if (length > rest.size()) {
        return 0;
    }
    const opendext::PropertyListLimits limits = {
        .max_num_bytes = 1 << 16, .max_num_values = 1 << 10, .max_depth = 16};
    const auto legend =
        opendext::ReadPropertyList({reinterpret_cast<const char *>(rest.data()), length}, limits);
    const auto lines = opendext::channel::DescribeReports(
        legend ? *legend : opendext::PropertyValue(), rest.subspan(length));
    // A line for each element at most, one for each channel, and the last one.
    if (lines.size() > 2 * (rest.size() / 64) + 1) {
        std::abort();
    }
    return 0;
}
