// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/usb_transfer_table.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "backends/usb/usb_transfer_checks.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

// A wire gives back what is cancelled without waiting for the device; one that takes longer is mistaken.
constexpr std::chrono::seconds kLongestCancel{2};

constexpr size_t kMaxFree = 1024;

}  // namespace

size_t UsbTransferTable::LaneHash::operator()(const LaneKey &key) const {
    const uint64_t packed =
        static_cast<uint64_t>(key.session) << 24 | uint64_t{key.endpoint.value} << 16 | key.stream;
    return static_cast<size_t>(packed * 0x9E3779B97F4A7C15 >> 20);
}

UsbTransferTable::UsbTransferTable(WireAccess &wire)
    : wire_(wire), timeouts_([this](std::unique_lock<std::mutex> &lock, UsbDeadline &deadline) {
          OnDue(lock, static_cast<Entry &>(deadline));
      }) {}

UsbTransferTable::~UsbTransferTable() = default;

UsbTransferTable::Entry &UsbTransferTable::NewEntry(std::unique_ptr<UsbTransfer> transfer,
                                                    std::shared_ptr<UsbTransferGroup> group,
                                                    UsbSessionId session) {
    std::unique_ptr<Entry> entry;
    if (free_entries_.empty()) {
        entry = std::make_unique<Entry>();
    } else {
        entry = std::move(free_entries_.back());
        free_entries_.pop_back();
    }
    if (transfer->timeout_ms != 0) {
        entry->at =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(transfer->timeout_ms);
    }
    ++group->num_outstanding_;
    entry->lane = &LaneOf({session, transfer->endpoint, transfer->stream});
    entry->transfer = std::move(transfer);
    entry->group = std::move(group);
    entry->session = session;
    entry->lane->entries.PushBack(*entry);
    all_.PushBack(*entry);
    AddToMap(*entry);
    return *entry.release();
}

void UsbTransferTable::AddToMap(Entry &entry) {
    if (free_nodes_.empty()) {
        at_wire_.emplace(entry.transfer.get(), &entry);
        return;
    }
    EntryMap::node_type node = std::move(free_nodes_.back());
    free_nodes_.pop_back();
    node.key() = entry.transfer.get();
    node.mapped() = &entry;
    at_wire_.insert(std::move(node));
}

UsbTransferTable::Lane &UsbTransferTable::LaneOf(const LaneKey &key) {
    Lane &lane = lanes_[key];
    lane.key = key;
    lane.is_forgotten = false;
    return lane;
}

UsbTransferTable::StartQueue &UsbTransferTable::StartQueueOf(const Entry &entry) {
    return start_queues_[IndexOf(entry.transfer->endpoint)];
}

void UsbTransferTable::Submit(std::unique_lock<std::mutex> &lock,
                              std::unique_ptr<UsbTransfer> transfer,
                              std::shared_ptr<UsbTransferGroup> group, UsbSessionId session) {
    Entry &entry = NewEntry(std::move(transfer), std::move(group), session);
    StartQueue &queue = StartQueueOf(entry);
    if (queue.is_busy) {
        queue.waiting.PushBack(entry);
        if (entry.transfer->timeout_ms != 0) {
            timeouts_.Add(wire_.mutex(), entry);
        }
        return;
    }
    queue.is_busy = true;
    for (Entry *next = &entry; next != nullptr; next = queue.waiting.PopFront()) {
        Start(lock, *next);
    }
    queue.is_busy = false;
}

void UsbTransferTable::Start(std::unique_lock<std::mutex> &lock, Entry &entry) {
    ++entry.num_pins;
    entry.stage = Stage::kStarting;
    if (!wire_.Start(lock, *entry.transfer)) {
        SetDone(entry, {.status = UsbStatus::kRemoved});
        Deliver(lock, *entry.lane);
    } else if (entry.stage == Stage::kStarting) {
        entry.stage = Stage::kStarted;
        if (entry.end_reason) {
            Cancel(lock, entry);
        } else if (entry.transfer->timeout_ms != 0) {
            timeouts_.Add(wire_.mutex(), entry);
        }
    }
    Unpin(lock, entry);
}

void UsbTransferTable::Cancel(std::unique_lock<std::mutex> &lock, Entry &entry) {
    if (wire_.is_open()) {
        UsbTransfer &transfer = *entry.transfer;
        wire_.Call(lock, [&transfer](UsbWire &wire) { wire.Cancel(transfer); });
    }
}

bool UsbTransferTable::Matches(const Entry &entry, const UsbTransferSelection &which) {
    return (which.group == nullptr || which.group == entry.group.get()) &&
           (!which.session || *which.session == entry.session) &&
           (which.endpoints & SetOf(entry.transfer->endpoint)) != 0 &&
           (which.stream == 0 || which.stream == entry.transfer->stream);
}

void UsbTransferTable::End(std::unique_lock<std::mutex> &lock, const UsbTransferSelection &which,
                           UsbStatus reason) {
    std::vector<Entry *> ending;
    for (Entry *entry = all_.back(); entry != nullptr; entry = EntryList::Previous(*entry)) {
        if (entry->stage == Stage::kDone || entry->end_reason || !Matches(*entry, which)) {
            continue;
        }
        entry->end_reason = reason;
        if (entry->stage == Stage::kWaiting) {
            StartQueueOf(*entry).waiting.Remove(*entry);
            SetDone(*entry, {.status = UsbStatus::kAborted});
        }
        if (entry->stage != Stage::kStarting) {  // whoever starts it looks at end_reason afterwards
            ++entry->num_pins;
            ending.push_back(entry);
        }
    }
    for (Entry *entry : ending) {
        if (entry->stage == Stage::kStarted) {
            Cancel(lock, *entry);
        } else if (entry->lane != nullptr) {
            Deliver(lock, *entry->lane);
        }
        Unpin(lock, *entry);
    }
}

bool UsbTransferTable::AnyIsAtTheWire(const UsbTransferSelection &which) const {
    for (const Entry *entry = all_.front(); entry != nullptr; entry = EntryList::Next(*entry)) {
        if (entry->stage != Stage::kDone && Matches(*entry, which)) {
            return true;
        }
    }
    return false;
}

void UsbTransferTable::EndAndWait(std::unique_lock<std::mutex> &lock,
                                  const UsbTransferSelection &which, UsbStatus reason) {
    End(lock, which, reason);
    ++num_done_waiters_;
    if (!done_.wait_for(lock, kLongestCancel, [&] { return !AnyIsAtTheWire(which); })) {
        LogWarning("USB port: the wire takes longer than {} s to give back what was cancelled",
                   kLongestCancel.count());
    }
    --num_done_waiters_;
}

void UsbTransferTable::EndLeftovers(std::unique_lock<std::mutex> &lock) {
    while (!at_wire_.empty()) {
        Entry &entry = *at_wire_.begin()->second;
        if (entry.stage == Stage::kWaiting) {
            StartQueueOf(entry).waiting.Remove(entry);
        }
        SetDone(entry, {.status = UsbStatus::kRemoved});
        Deliver(lock, *entry.lane);
    }
}

void UsbTransferTable::Forget(UsbSessionId session) {
    for (auto each = lanes_.begin(); each != lanes_.end();) {
        Lane &lane = each->second;
        lane.is_forgotten = lane.is_forgotten || each->first.session == session;
        const bool is_over = lane.is_forgotten && lane.entries.empty() && !lane.is_delivering;
        each = is_over ? lanes_.erase(each) : std::next(each);
    }
}

void UsbTransferTable::OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) {
    std::unique_lock lock(wire_.mutex());
    const auto found = at_wire_.find(&transfer);
    if (found == at_wire_.end() || found->second->stage == Stage::kWaiting) {
        LogWarning("USB port: the wire ended a transfer that it does not have");
        return;
    }
    Entry &entry = *found->second;
    SetDone(entry, outcome);
    Deliver(lock, *entry.lane);
}

void UsbTransferTable::SetDone(Entry &entry, const UsbOutcome &outcome) {
    entry.stage = Stage::kDone;
    entry.outcome = SettleUsbOutcome(*entry.transfer, outcome, entry.end_reason);
    if (entry.end_reason == UsbStatus::kTimedOut) {
        ++entry.lane->num_timed_out;
    }
    timeouts_.Remove(entry);
    EntryMap::node_type node = at_wire_.extract(entry.transfer.get());
    if (free_nodes_.size() < kMaxFree) {
        free_nodes_.push_back(std::move(node));
    }
    if (num_done_waiters_ != 0) {
        done_.notify_all();
    }
}

UsbTransferTable::Entry *UsbTransferTable::TakeDeliverable(Lane &lane) {
    Entry *entry = lane.entries.front();
    if (entry != nullptr && entry->stage != Stage::kDone) {
        entry = lane.num_timed_out == 0 ? nullptr : entry;
        while (entry != nullptr &&
               (entry->stage != Stage::kDone || entry->end_reason != UsbStatus::kTimedOut)) {
            entry = LaneList::Next(*entry);
        }
    }
    if (entry != nullptr) {
        lane.entries.Remove(*entry);
        lane.num_timed_out -= entry->end_reason == UsbStatus::kTimedOut ? 1 : 0;
        entry->lane = nullptr;
    }
    return entry;
}

void UsbTransferTable::Deliver(std::unique_lock<std::mutex> &lock, Lane &lane) {
    if (lane.is_delivering) {
        return;  // whoever is at it takes this one, too
    }
    lane.is_delivering = true;
    while (Entry *entry = TakeDeliverable(lane)) {
        lock.unlock();
        entry->transfer->OnComplete(entry->outcome);
        lock.lock();
        Conclude(lock, *entry);
    }
    lane.is_delivering = false;
    if (lane.is_forgotten && lane.entries.empty()) {
        const LaneKey key = lane.key;
        lanes_.erase(key);
    }
}

void UsbTransferTable::Conclude(std::unique_lock<std::mutex> &lock, Entry &entry) {
    const std::shared_ptr<UsbTransferGroup> group = std::move(entry.group);
    all_.Remove(entry);
    entry.is_delivered = true;
    ReleaseIfUnused(lock, entry);
    if (--group->num_outstanding_ == 0) {
        group->OnDrained(lock);
    }
}

void UsbTransferTable::Unpin(std::unique_lock<std::mutex> &lock, Entry &entry) {
    --entry.num_pins;
    ReleaseIfUnused(lock, entry);
}

void UsbTransferTable::ReleaseIfUnused(std::unique_lock<std::mutex> &lock, Entry &entry) {
    if (!entry.is_delivered || entry.num_pins != 0) {
        return;
    }
    std::unique_ptr<UsbTransfer> transfer = std::move(entry.transfer);
    std::unique_ptr<Entry> owned(&entry);
    if (free_entries_.size() < kMaxFree) {
        entry = Entry{};
        free_entries_.push_back(std::move(owned));
    }
    lock.unlock();
    transfer.reset();
    lock.lock();
}

void UsbTransferTable::OnDue(std::unique_lock<std::mutex> &lock, Entry &entry) {
    if (entry.end_reason) {
        return;
    }
    entry.end_reason = UsbStatus::kTimedOut;
    ++entry.num_pins;
    if (entry.stage == Stage::kStarted) {
        Cancel(lock, entry);
    } else if (entry.stage == Stage::kWaiting) {
        StartQueueOf(entry).waiting.Remove(entry);
        SetDone(entry, {.status = UsbStatus::kAborted});
        Deliver(lock, *entry.lane);
    }
    Unpin(lock, entry);
}

}  // namespace opendext::backends
