// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "backends/api/usb_transfer.h"
#include "backends/usb/intrusive_list.h"
#include "backends/usb/usb_claims.h"
#include "backends/usb/usb_timeouts.h"
#include "backends/usb/wire_access.h"

namespace opendext::backends {

/// Transfers that belong together: those to one device. Kept by each of its transfers.
class UsbTransferGroup {
public:
    virtual ~UsbTransferGroup() = default;

    /// The last transfer has ended: its OnComplete has returned. With the port's lock held, which may be given up.
    virtual void OnDrained(std::unique_lock<std::mutex> &lock) = 0;

    [[nodiscard]] bool IsDrained() const { return num_outstanding_ == 0; }

private:
    friend class UsbTransferTable;
    size_t num_outstanding_ = 0;  // guarded by the port's lock
};

/// Which transfers are meant. What is left out does not matter.
struct UsbTransferSelection {
    const UsbTransferGroup *group = nullptr;
    std::optional<UsbSessionId> session;
    UsbEndpointSet endpoints = kAllUsbEndpoints;
    uint16_t stream = 0;  ///< 0: all.
};

/// The transfers of a port that have not ended. Sees to it that each is started in the order of its endpoint, and
/// ends by one OnComplete, in the order of its session's submissions to that endpoint and stream; only one that timed out
/// does not wait for those before it.
///
/// Every method wants the port's lock held, but OnDone; it is given up around calls of the wire and of OnComplete.
class UsbTransferTable {
public:
    explicit UsbTransferTable(WireAccess &wire);
    ~UsbTransferTable();
    UsbTransferTable(const UsbTransferTable &) = delete;
    UsbTransferTable &operator=(const UsbTransferTable &) = delete;

    /// Starts a transfer, which has been checked.
    void Submit(std::unique_lock<std::mutex> &lock, std::unique_ptr<UsbTransfer> transfer,
                std::shared_ptr<UsbTransferGroup> group, UsbSessionId session);

    /// Has transfers end with `reason`, or as they end by themselves meanwhile. The latest first, so that the device
    /// does not begin one because that before it is gone.
    void End(std::unique_lock<std::mutex> &lock, const UsbTransferSelection &which,
             UsbStatus reason);

    /// As End, and waits until the wire has given them back. Not to be called from OnComplete.
    void EndAndWait(std::unique_lock<std::mutex> &lock, const UsbTransferSelection &which,
                    UsbStatus reason);

    /// The wire has ended: what it has not given back ends with kRemoved.
    void EndLeftovers(std::unique_lock<std::mutex> &lock);

    /// A session has ended, after its transfers have been told to.
    void Forget(UsbSessionId session);

    /// Ends the thread that watches timeouts.
    void StopTimeouts(std::unique_lock<std::mutex> &lock) { timeouts_.Stop(lock); }

    /// As of UsbWireListener. Takes the lock.
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome);

private:
    struct Lane;

    enum class Stage : uint8_t {
        kWaiting,   // behind others that are being started
        kStarting,  // the wire is in Start
        kStarted,
        kDone,  // the wire has given it back, or never had it
    };

    struct Entry : UsbDeadline {
        std::unique_ptr<UsbTransfer> transfer;
        std::shared_ptr<UsbTransferGroup> group;
        UsbSessionId session = UsbSessionId::kNone;
        Lane *lane = nullptr;  // until OnComplete is called
        Stage stage = Stage::kWaiting;
        bool is_delivered = false;            // OnComplete has returned
        std::optional<UsbStatus> end_reason;  // somebody wants it to end
        UsbOutcome outcome;
        size_t num_pins = 0;  // calls that use it; its end waits for them
        ListLink<Entry> in_all;
        ListLink<Entry> in_lane;
        ListLink<Entry> in_start_queue;
    };

    using EntryList = IntrusiveList<Entry, &Entry::in_all>;
    using LaneList = IntrusiveList<Entry, &Entry::in_lane>;

    struct LaneKey {
        UsbSessionId session;
        UsbEndpointAddress endpoint;
        uint16_t stream;
        bool operator==(const LaneKey &) const = default;
    };
    struct LaneHash {
        size_t operator()(const LaneKey &key) const;
    };

    // What completes in order.
    struct Lane {
        LaneList entries;
        size_t num_timed_out = 0;  // of them, done
        bool is_delivering = false;
        bool is_forgotten = false;
        LaneKey key{};
    };

    // What starts in order.
    struct StartQueue {
        IntrusiveList<Entry, &Entry::in_start_queue> waiting;
        bool is_busy = false;
    };

    using EntryMap = std::unordered_map<const UsbTransfer *, Entry *>;

    [[nodiscard]] Entry &NewEntry(std::unique_ptr<UsbTransfer> transfer,
                                  std::shared_ptr<UsbTransferGroup> group, UsbSessionId session);
    void AddToMap(Entry &entry);
    [[nodiscard]] Lane &LaneOf(const LaneKey &key);
    [[nodiscard]] StartQueue &StartQueueOf(const Entry &entry);
    [[nodiscard]] static bool Matches(const Entry &entry, const UsbTransferSelection &which);
    [[nodiscard]] bool AnyIsAtTheWire(const UsbTransferSelection &which) const;

    void Start(std::unique_lock<std::mutex> &lock, Entry &entry);
    void Cancel(std::unique_lock<std::mutex> &lock, Entry &entry);
    void SetDone(Entry &entry, const UsbOutcome &outcome);
    void Deliver(std::unique_lock<std::mutex> &lock, Lane &lane);
    [[nodiscard]] static Entry *TakeDeliverable(Lane &lane);
    void Conclude(std::unique_lock<std::mutex> &lock, Entry &entry);
    void Unpin(std::unique_lock<std::mutex> &lock, Entry &entry);
    void ReleaseIfUnused(std::unique_lock<std::mutex> &lock, Entry &entry);
    void OnDue(std::unique_lock<std::mutex> &lock, Entry &entry);

    WireAccess &wire_;
    UsbTimeouts timeouts_;
    EntryList all_;     // in the order of Submit, until delivered
    EntryMap at_wire_;  // from Submit until done
    std::unordered_map<LaneKey, Lane, LaneHash> lanes_;
    std::array<StartQueue, 32> start_queues_;  // by IndexOf the endpoint
    std::condition_variable done_;
    size_t num_done_waiters_ = 0;

    // Kept for the next transfers.
    std::vector<std::unique_ptr<Entry>> free_entries_;
    std::vector<EntryMap::node_type> free_nodes_;
};

}  // namespace opendext::backends
