// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/live_objects.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "runtime/diagnostics/driver_images.h"
#include "runtime/object/object_header.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {

using diagnostics::CallSite;

namespace {

constexpr size_t kNumLists = 16;

/// One of the lists: a thread has always the same, so that threads seldom meet.
struct alignas(64) List {
    std::mutex mutex;
    ObjectHeader *first = nullptr;  // guarded by mutex
};

std::array<List, kNumLists> lists;
std::atomic<uint64_t> last_sequence = 0;

class ListLock {
public:
    explicit ListLock(List &list) : lock_(list.mutex) {}

private:
    const std::lock_guard<std::mutex> lock_;
};

void Enlist(ObjectHeader &header, const CallSite &made_at) {
    header.made_at = made_at;
    header.thread = ThisThread();
    header.list = static_cast<uint8_t>(static_cast<size_t>(header.thread) % kNumLists);
    header.sequence = last_sequence.fetch_add(1, std::memory_order_relaxed) + 1;
    List &list = lists[header.list];
    const ListLock lock(list);
    header.next = list.first;
    header.previous = nullptr;
    if (list.first != nullptr) {
        list.first->previous = &header;
    }
    list.first = &header;
}

LiveObject Look(ObjectHeader &header) {
    const OSObject *object = header.object();
    return {.object = object,
            .meta_class = object->getMetaClass(),
            .references = ObjectInternals::References(object),
            .sequence = header.sequence,
            .thread = header.thread,
            .made_at = header.made_at,
            .retained_at = {}};
}

std::vector<RetainedAt> RetainsOf(const ObjectHeader &header) {
    std::vector<RetainedAt> retains;
    for (const RetainPlace &retain : header.retains) {
        if (const uintptr_t address = retain.address.load(std::memory_order_relaxed)) {
            retains.push_back({.place = {.frames = {address}},
                               .count = retain.count.load(std::memory_order_relaxed)});
        }
    }
    return retains;
}

}  // namespace

int ThisThread() {
    static thread_local const int id = gettid();
    return id;
}

uint64_t CurrentSequence() {
    return last_sequence.load(std::memory_order_relaxed);
}

CallSite MadeAt(const OSObject *object) {
    const ObjectHeader &header = *ObjectHeader::Of(object);
    return header.state == ObjectHeader::State::kListed ? header.made_at : CallSite();
}

void NoteMade(OSObject *object, bool is_of_driver) {
    const CallSite made_at = CallSite::OfDriver();
    if (!is_of_driver && !made_at.is_known()) {
        return;
    }
    ObjectHeader &header = *ObjectHeader::Of(object);
    header.state.store(ObjectHeader::State::kListed, std::memory_order_relaxed);
    Enlist(header, made_at);
}

void NoteRetained(const OSObject *object, const void *return_address) {
    const auto address = reinterpret_cast<uintptr_t>(return_address);
    if (!diagnostics::IsDriverCode(address)) {
        return;
    }
    ObjectHeader &header = *ObjectHeader::Of(object);
    if (header.state.load(std::memory_order_relaxed) == ObjectHeader::State::kUnlisted &&
        header.state.exchange(ObjectHeader::State::kListed) == ObjectHeader::State::kUnlisted) {
        Enlist(header, {});
    }
    for (RetainPlace &retain : header.retains) {
        uintptr_t known = retain.address.load(std::memory_order_relaxed);
        if (known == 0) {
            retain.address.compare_exchange_strong(known, address, std::memory_order_relaxed);
            known = retain.address.load(std::memory_order_relaxed);
        }
        if (known == address) {
            const uint32_t count = retain.count.load(std::memory_order_relaxed);
            retain.count.store(count + 1, std::memory_order_relaxed);
            return;
        }
    }
}

void NoteGone(OSObject *object) {
    ObjectHeader &header = *ObjectHeader::Of(object);
    if (header.state.load(std::memory_order_relaxed) != ObjectHeader::State::kListed) {
        return;
    }
    List &list = lists[header.list];
    const ListLock lock(list);
    (header.previous != nullptr ? header.previous->next : list.first) = header.next;
    if (header.next != nullptr) {
        header.next->previous = header.previous;
    }
}

std::vector<LiveObject> FindLiveObjects(const std::function<bool(const LiveObject &)> &wanted) {
    std::vector<LiveObject> found;
    for (List &list : lists) {
        const ListLock lock(list);
        for (ObjectHeader *header = list.first; header != nullptr; header = header->next) {
            LiveObject live = Look(*header);
            if (live.references != 0 && wanted(live)) {
                live.retained_at = RetainsOf(*header);
                found.push_back(std::move(live));
            }
        }
    }
    std::ranges::sort(found, {}, &LiveObject::sequence);
    return found;
}

std::vector<OSObject *> CopyLiveObjects(const OSMetaClass *meta_class) {
    std::vector<OSObject *> found;
    for (List &list : lists) {
        const ListLock lock(list);
        for (ObjectHeader *header = list.first; header != nullptr; header = header->next) {
            OSObject *object = header->object();
            if (object->getMetaClass()->isDerivedFrom(meta_class) &&
                ObjectInternals::TryRetain(object)) {
                found.push_back(object);
            }
        }
    }
    return found;
}

}  // namespace opendext::object
