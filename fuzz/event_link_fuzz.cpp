// SPDX-License-Identifier: Apache-2.0
// An event link whose other end writes what it likes into the memory that both share.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/event_link.h"

// Each step is a byte that says what is done and, for a write, the bytes of all of the memory as far as there are any.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using opendext::EventLink;
    static const auto region = (*EventLink::Create())->region();
    std::memset(region->Writable(), 0, EventLink::kNumBytes);
    const auto end = *EventLink::Attach(region, EventLink::Side::kSecond);
    bool is_cancelled = false;
    while (size != 0) {
        const uint8_t step = *data++;
        --size;
        uint64_t num_signals = 0;
        switch (step % 4) {
            case 0: {
                const size_t length = std::min<size_t>(size, EventLink::kNumBytes);
                std::memcpy(region->Writable(), data, length);
                data += length;
                size -= length;
                break;
            }
            case 1: {
                const auto outcome = end->Wait(std::chrono::steady_clock::now(), num_signals);
                if ((outcome == EventLink::Outcome::kSignalled) != (num_signals != 0) ||
                    num_signals > INT32_MAX ||
                    (is_cancelled && outcome != EventLink::Outcome::kCancelled)) {
                    std::abort();
                }
                break;
            }
            case 2:
                if (end->Signal() && is_cancelled) {
                    std::abort();
                }
                break;
            default:
                is_cancelled = is_cancelled || step == 3;
                if (step == 3) {
                    end->Cancel();
                }
                break;
        }
    }
    return 0;
}
