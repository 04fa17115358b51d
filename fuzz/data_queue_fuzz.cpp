// SPDX-License-Identifier: Apache-2.0
// The memory of a data queue is shared with a process that writes what it likes there. Neither side may read or write
// outside it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "fuzz/session_input.h"
#include "runtime/service/data_queue.h"

namespace {

using opendext::fuzz::Require;
using opendext::fuzz::SessionInput;
using opendext::service::DataQueue;

constexpr size_t kMaxRingBytes = 256;

bool IsWithin(std::span<const std::byte> part, std::span<const std::byte> whole) {
    return part.data() >= whole.data() + DataQueue::kHeaderBytes &&
           part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SessionInput input({data, size});
    const size_t ring_bytes = size_t{input.Take()} % (kMaxRingBytes / 4) * 4;
    // Of its own length, so that a byte outside is found.
    std::vector<uint32_t> words((DataQueue::kHeaderBytes + ring_bytes) / 4);
    const std::span<std::byte> memory = std::as_writable_bytes(std::span(words));
    DataQueue queue(memory);
    while (!input.IsEmpty()) {
        switch (input.Take() % 5) {
            case 0:
                if (const auto room = queue.FindRoom(static_cast<uint32_t>(input.TakeNumber()))) {
                    Require(IsWithin(room->data, memory));
                    std::memset(room->data.data(), 0xA5, room->data.size());
                    (void)queue.Push(*room);
                }
                break;
            case 1:
                if (const auto front = queue.Front()) {
                    Require(IsWithin(front->data, memory));
                    std::memset(front->data.data(), 0x5A, front->data.size());
                    queue.Pop(*front);
                }
                break;
            case 2:
                (void)queue.CheckRoom(static_cast<uint32_t>(input.TakeNumber()), input.Take());
                break;
            case 3: {
                // The other side writes.
                const size_t word = input.Take() % words.size();
                words[word] = static_cast<uint32_t>(input.TakeNumber());
                break;
            }
            default:
                // Its offsets, which matter most.
                words[input.Take() % 2] = static_cast<uint32_t>(input.TakeNumber());
                break;
        }
    }
    return 0;
}
