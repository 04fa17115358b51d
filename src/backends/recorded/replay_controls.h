// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "backends/recorded/captured_transfers.h"
#include "backends/recorded/replay_stage.h"

namespace opendext::backends {

/// Answers control requests as they were answered in a recording: by setup packet and, OUT, by data. Requests that are
/// alike are answered in the recorded order, and the last answer stays.
class ReplayControls {
public:
    explicit ReplayControls(ReplayStage &stage) : stage_(stage) {}

    /// In the order of the recording. `transfer` is used as long as this object.
    void Add(const CapturedTransfer &transfer);

    [[nodiscard]] UsbControlReply Answer(const UsbSetup &setup, std::span<std::byte> data);

private:
    using Key = std::tuple<uint8_t, uint8_t, uint16_t, uint16_t, uint16_t>;

    struct Item {
        const CapturedTransfer *transfer = nullptr;
        std::optional<size_t> event;  // of the timeline
        bool was_asked = false;
    };
    struct IsLess {
        bool operator()(std::span<const std::byte> a, std::span<const std::byte> b) const {
            return std::ranges::lexicographical_compare(a, b);
        }
    };
    /// Requests with the same setup packet and, OUT, the same data.
    struct Alike {
        std::vector<size_t> items;  // indices, ascending
        size_t num_asked = 0;       // of them
    };
    struct SameSetup {
        size_t first = 0;  // index of an item
        std::map<std::span<const std::byte>, Alike, IsLess> by_data;
    };

    [[nodiscard]] static Key KeyOf(const UsbSetup &setup);
    /// What requests are told apart by, besides the setup packet.
    [[nodiscard]] static std::span<const std::byte> DataOf(const UsbSetup &setup,
                                                           std::span<const std::byte> data) {
        return setup.is_in() ? std::span<const std::byte>() : data;
    }
    [[nodiscard]] Item *Find(const UsbSetup &setup, std::span<const std::byte> data);
    [[nodiscard]] std::string Departure(const UsbSetup &setup, std::span<const std::byte> data);

    ReplayStage &stage_;
    std::vector<Item> items_;
    std::map<Key, SameSetup> by_setup_;
    size_t next_unasked_ = 0;  // none before it is an event that has not been asked for
};

}  // namespace opendext::backends
