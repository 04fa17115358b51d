// SPDX-License-Identifier: Apache-2.0
#pragma once

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

    [[nodiscard]] static Key KeyOf(const UsbSetup &setup);
    [[nodiscard]] Item *Find(const UsbSetup &setup, std::span<const std::byte> data);
    [[nodiscard]] std::string Departure(const UsbSetup &setup,
                                        std::span<const std::byte> data) const;

    ReplayStage &stage_;
    std::vector<Item> items_;
    std::map<Key, std::vector<size_t>> by_setup_;  // indices of items, ascending
};

}  // namespace opendext::backends
