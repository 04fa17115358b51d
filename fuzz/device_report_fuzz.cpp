// SPDX-License-Identifier: Apache-2.0
// The process of a device says any words of it. Either they are refused, or they are a report that the registry can
// publish, and that is the same when it travels again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "channel/transport/device_report_message.h"

namespace {

// A list of words: its length, and then for each word how many bytes it has (0 to 8), and these.
std::vector<uint64_t> TakeList(std::span<const uint8_t> &input) {
    std::vector<uint64_t> words;
    size_t length = input.empty() ? 0 : input.front();
    input = input.subspan(input.empty() ? 0 : 1);
    for (; length != 0 && !input.empty(); --length) {
        const size_t num_bytes = std::min<size_t>(input.front() % 9, input.size() - 1);
        uint64_t word = 0;
        std::memcpy(&word, input.data() + 1, num_bytes);
        input = input.subspan(1 + num_bytes);
        words.push_back(word);
    }
    return words;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    using namespace opendext::channel;
    std::span input(data, num_bytes);
    DeviceReportWords words;
    words.id = input.empty() ? 0 : input.front();
    words.device = TakeList(input);
    words.configurations = TakeList(input);
    words.interfaces = TakeList(input);
    words.texts.assign(input.empty() ? 3 : input.front() % 5, "text");
    const size_t num_interfaces = words.interfaces.size() / 8;
    words.interface_names.assign(num_interfaces + (words.texts.size() == 4 ? 1 : 0), "name");
    const auto report = UnpackDeviceReport(words);
    if (report && UnpackDeviceReport(PackDeviceReport(*report)) != report) {
        std::abort();
    }
    return 0;
}
