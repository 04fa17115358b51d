// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "backends/api/usb_descriptors.h"
#include "backends/api/usb_transfer.h"

namespace opendext::backends {

/// Which isochronous frame of which transfer is when. Nanoseconds are of the clock that mach_absolute_time reads; bus
/// frame N begins at N ms. Does not move a byte itself. Guarded by the model's mutex.
class UsbFrameSchedule {
public:
    /// A frame whose time has come.
    struct DueFrame {
        UsbTransfer *transfer = nullptr;
        size_t index = 0;
        uint64_t offset = 0;  ///< Of its bytes in the buffer.
        bool is_last = false;
    };

    [[nodiscard]] static uint64_t FrameAt(uint64_t now_ns) { return now_ns / kFrameNs; }
    [[nodiscard]] static uint64_t StartOf(uint64_t frame) { return frame * kFrameNs; }

    /// Queues a transfer behind those of its endpoint. Each of its frames lasts a service interval.
    /// @return kTooLate, kTooEarly; nullopt: it is queued.
    [[nodiscard]] std::optional<UsbStatus> Add(UsbTransfer &transfer, const UsbEndpoint &endpoint,
                                               UsbSpeed speed, uint64_t now_ns);

    /// The next frame that is over at `now_ns`; it is not given again. Fills in its mach_time.
    [[nodiscard]] std::optional<DueFrame> TakeDue(uint64_t now_ns);

    /// When to look again: at the end of a bus frame; nullopt: nothing is queued.
    [[nodiscard]] std::optional<uint64_t> NextTime() const;

    /// Takes a transfer out; frames that have not been are kAborted. @return false when it is not there.
    [[nodiscard]] bool Remove(UsbTransfer &transfer);

    /// Any transfer of that endpoint, or NULL.
    [[nodiscard]] UsbTransfer *LastAt(size_t endpoint_index) const;

private:
    static constexpr uint64_t kFrameNs = 1'000'000;

    struct Queued {
        UsbTransfer *transfer = nullptr;
        uint64_t next_end_ns = 0;  // of frame `index`
        size_t index = 0;
        uint64_t offset = 0;
    };
    struct Endpoint {
        std::deque<Queued> queue;
        uint64_t interval_ns = 0;
        uint64_t free_from_ns = 0;
    };

    std::array<Endpoint, 32> endpoints_;  // by IndexOf
};

}  // namespace opendext::backends
