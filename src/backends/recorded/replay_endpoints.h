// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "backends/recorded/captured_transfers.h"
#include "backends/recorded/replay_stage.h"

namespace opendext::backends {

/// A bulk or interrupt IN endpoint of a recording: gives what the device gave, in that order, as a device does it. A
/// request may be larger or smaller than the one that was recorded: packets follow each other, and a short one ends the
/// request. Nothing is given before the driver has sent what it had sent by then in the recording.
class ReplayInEndpoint {
public:
    ReplayInEndpoint(ReplayStage &stage, UsbEndpointAddress address, uint16_t max_packet_bytes);

    /// In the order of the recording; when the timeline has all of its events.
    void Add(const CapturedTransfer &transfer);

    void OnRequest(const UsbModelRequest &request);
    void OnCancelled(UsbRequestId request);
    /// No request is left.
    void OnReset() { waiting_.clear(); }

    /// Gives what can be given by now.
    void Pump();

    [[nodiscard]] bool IsOver() const { return next_ == items_.size(); }

private:
    struct Item {
        size_t packet = 0;
        std::span<const std::byte> data;
        UsbStatus status = UsbStatus::kSuccess;
        bool ends_request = false;  // by a short packet
        bool is_cut = false;
        size_t num_events_before = 0;
    };
    struct Waiting {
        UsbModelRequest request;
        uint64_t num_filled = 0;
    };

    [[nodiscard]] bool GiveNext();
    void Complete(UsbStatus status);

    ReplayStage &stage_;
    const UsbEndpointAddress address_;
    const uint16_t max_packet_bytes_;
    std::vector<Item> items_;
    size_t next_ = 0;
    size_t position_ = 0;  // in the data of the next item
    std::deque<Waiting> waiting_;
    bool has_told_end_ = false;
};

/// A bulk or interrupt OUT endpoint of a recording: takes what the driver sent then, packet by packet, and nothing else.
class ReplayOutEndpoint {
public:
    ReplayOutEndpoint(ReplayStage &stage, UsbEndpointAddress address, uint16_t max_packet_bytes);

    /// In the order of the recording.
    void Add(const CapturedTransfer &transfer);

    void OnRequest(const UsbModelRequest &request);

private:
    struct Item {
        size_t packet = 0;
        std::span<const std::byte> data;  // captured; the beginning of num_bytes
        uint64_t num_bytes = 0;
        uint64_t num_done = 0;
        UsbStatus status = UsbStatus::kSuccess;
        bool never_ends = false;
        size_t event = 0;
    };
    /// Where in the recording the endpoint is.
    struct Place {
        size_t item = 0;
        uint64_t position = 0;
    };
    struct Verdict {
        bool departs = false;
        bool never_ends = false;
        UsbStatus status = UsbStatus::kSuccess;
        uint64_t num_bytes = 0;
    };

    [[nodiscard]] Verdict Compare(const UsbModelRequest &request, Place &place);
    [[nodiscard]] bool Matches(const UsbModelRequest &request, uint64_t offset, const Place &place,
                               uint64_t num_bytes);
    [[nodiscard]] Verdict Depart(std::string what);

    ReplayStage &stage_;
    const UsbEndpointAddress address_;
    const uint16_t max_packet_bytes_;
    std::vector<Item> items_;
    Place place_;
};

/// An isochronous endpoint of a recording: frame after frame. IN: a frame that is missing is an underrun. OUT: everything
/// is taken; the first frame that differs is told.
class ReplayIsochronousEndpoint {
public:
    ReplayIsochronousEndpoint(ReplayStage &stage, UsbEndpointAddress address)
        : stage_(stage), address_(address) {}

    void Add(const CapturedTransfer &transfer);
    void OnRequest(const UsbModelRequest &request);

private:
    void Give(const UsbModelRequest &request);
    void Compare(const UsbModelRequest &request);

    struct Frame {
        size_t packet = 0;
        std::span<const std::byte> data;
        UsbStatus status = UsbStatus::kSuccess;
        size_t num_events_before = 0;
    };

    ReplayStage &stage_;
    const UsbEndpointAddress address_;
    std::vector<Frame> frames_;
    size_t next_ = 0;
    bool has_departed_ = false;
};

}  // namespace opendext::backends
