// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/dma_journal.h"

#include <unistd.h>
#include <array>
#include <chrono>
#include <mutex>
#include <string_view>

#include <fmt/format.h>

#include <DriverKit/IOMemoryDescriptor.h>

namespace opendext::memory {

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kNumKept = 1024;

struct Entry {
    uint64_t tag = 0;  ///< 0: unused.
    PreparationNote note;
    int prepared_by = 0;
    Clock::time_point prepared_at;
    int completed_by = 0;  ///< 0: still prepared.
    CallSite completed_from;
    Clock::time_point completed_at;
};

struct Journal {
    std::mutex mutex;
    uint64_t last_tag = 0;                // guarded by mutex
    std::array<Entry, kNumKept> entries;  // guarded by mutex; by tag % kNumKept
};

Journal &TheJournal() {
    static auto *journal = new Journal;
    return *journal;
}

int ThisThread() {
    static thread_local const int id = gettid();
    return id;
}

std::string_view DirectionText(uint64_t direction) {
    switch (direction) {
        case kIOMemoryDirectionIn:
            return "write";
        case kIOMemoryDirectionOut:
            return "read";
        default:
            return "read and write";
    }
}

double MillisecondsSince(Clock::time_point moment) {
    return std::chrono::duration<double, std::milli>(Clock::now() - moment).count();
}

/// "thread 71 0.5 ms ago in Driver::Send()+0x17 (Driver.so+0x1137)".
std::string DescribeAct(int thread, Clock::time_point moment, const CallSite &callers) {
    const std::string where = callers.Describe();
    return fmt::format("thread {} {:.1f} ms ago{}{}", thread, MillisecondsSince(moment),
                       where.empty() ? "" : " in ", where);
}

}  // namespace

uint64_t NotePreparation(const PreparationNote &note) {
    Journal &journal = TheJournal();
    const std::lock_guard lock(journal.mutex);
    const uint64_t tag = ++journal.last_tag;
    journal.entries[tag % kNumKept] = {tag, note, ThisThread(), Clock::now(), 0, {}, {}};
    return tag;
}

void NoteCompletion(uint64_t tag, const CallSite &callers) {
    Journal &journal = TheJournal();
    const std::lock_guard lock(journal.mutex);
    Entry &entry = journal.entries[tag % kNumKept];
    if (entry.tag == tag) {
        entry.completed_by = ThisThread();
        entry.completed_from = callers;
        entry.completed_at = Clock::now();
    }
}

std::string DescribePreparation(uint64_t tag) {
    Entry entry;
    {
        Journal &journal = TheJournal();
        const std::lock_guard lock(journal.mutex);
        entry = journal.entries[tag % kNumKept];
    }
    if (tag == 0 || entry.tag != tag) {
        return fmt::format("no longer known: not among the last {} preparations", kNumKept);
    }
    std::string text =
        fmt::format("IODMACommand {} prepared {} bytes from offset {} for the device to {}, by {}",
                    entry.note.command, entry.note.num_bytes, entry.note.offset,
                    DirectionText(entry.note.direction),
                    DescribeAct(entry.prepared_by, entry.prepared_at, entry.note.callers));
    if (entry.completed_by != 0) {
        text += fmt::format("; completed by {}", DescribeAct(entry.completed_by, entry.completed_at,
                                                             entry.completed_from));
    }
    return text;
}

}  // namespace opendext::memory
