// SPDX-License-Identifier: Apache-2.0
// What keeps AppMemory true while it is not asked: the sweep, and fork().
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/blocked_signals.h"
#include "base/log.h"
#include "channel/memory/app_memory.h"
#include "channel/memory/page_range.h"
#include "channel/memory/safe_copy.h"

namespace opendext::channel {

namespace {

constexpr std::chrono::seconds kSweepInterval{1};

/// Frames that fork() and its handlers take below the one that asks.
constexpr uint64_t kFramesBelow = uint64_t{64} << 10;

}  // namespace

void AppMemory::AddListener(Listener *listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.push_back(listener);
}

void AppMemory::RemoveListener(Listener *listener) {
    const std::lock_guard lock(listeners_mutex_);
    std::erase(listeners_, listener);
}

bool AppMemory::IsMapped(const PlacedRegion &placed) {
    const uint64_t end = placed.address + placed.region->num_bytes();
    for (uint64_t at = placed.address; at < end;) {
        const auto area = space_.AreaAtOrAfter(at);
        if (!area || area->start >= end) {
            return false;
        }
        if (area->is_shared && area->file == placed.file) {
            return true;
        }
        at = area->end;
    }
    return false;
}

void AppMemory::EraseMoved(std::vector<PlacedRegion> &gone) {
    if (gone.empty()) {
        return;
    }
    space_.ForEachArea([&](const MappedArea &area) {
        std::erase_if(gone, [&](const PlacedRegion &placed) {
            const bool is_here = area.is_shared && area.file == placed.file;
            if (is_here) {
                table_.Place(placed.file, area.start - area.offset);
            }
            return is_here;
        });
    });
}

void AppMemory::RemoveForgotten() {
    RegionTable::FileSet gone = table_.Forgotten();
    if (gone.empty()) {
        return;
    }
    space_.ForEachArea([&](const MappedArea &area) {
        if (area.is_shared) {
            gone.erase(area.file);
        }
    });
    for (const FileIdentity &file : gone) {
        table_.Remove(file);
    }
}

void AppMemory::Sweep() {
    // Between the entry in the table and the mapping of a region that is being moved to, it would seem unused.
    std::vector<PlacedRegion> gone;
    {
        const std::lock_guard lock(move_mutex_);
        gone = table_.All();
        std::erase_if(gone, [this](const PlacedRegion &placed) { return IsMapped(placed); });
        EraseMoved(gone);
        for (const PlacedRegion &placed : gone) {
            table_.Remove(placed.file);
        }
        gone.insert(gone.end(), outgrown_.begin(), outgrown_.end());
        outgrown_.clear();
        RemoveForgotten();
    }
    const std::lock_guard lock(listeners_mutex_);
    for (const PlacedRegion &placed : gone) {
        for (Listener *const listener : listeners_) {
            listener->RegionGone(*placed.region);
        }
    }
}

void AppMemory::StartSweeping() {
    is_in_use_.store(true);
    const std::lock_guard lock(sweep_mutex_);
    if (is_sweeping_) {
        return;
    }
    const BlockedSignals blocked;
    try {
        std::thread([this] { SweepWhileInUse(); }).detach();
        is_sweeping_ = true;
    } catch (const std::system_error &) {
        LogWarning("no thread for the upkeep of shared memory: it is kept until the process ends");
    }
}

void AppMemory::SweepWhileInUse() {
    pthread_setname_np(pthread_self(), "memory-sweep");
    while (true) {
        std::this_thread::sleep_for(kSweepInterval);
        Sweep();
        const std::lock_guard lock(sweep_mutex_);
        if (table_.size() == 0) {
            is_sweeping_ = false;
            return;
        }
    }
}

// fork(): private memory is copied for the child, shared memory is not. What was moved for the sake of speed becomes
// private again before. What a driver may still write to, and what never was private, stays shared in the parent:
// the child makes its own copy of it, and the parent waits, so that its later writes do not reach the child.
// The forking thread's own stack and thread-local memory cannot wait for that: the child runs on them.

thread_local AppMemory *AppMemory::forking_ = nullptr;

void AppMemory::RegisterForkHandlers() {
    pthread_atfork(&AppMemory::BeforeFork, &AppMemory::InParent, &AppMemory::InChild);
}

void AppMemory::BeforeFork() {
    forking_ = instance_.load();
    if (forking_ == nullptr) {
        return;
    }
    AppMemory &memory = *forking_;
    memory.move_mutex_.lock();
    memory.sweep_mutex_.lock();
    memory.listeners_mutex_.lock();
    memory.fork_phase_.fetch_add(1);
    memory.MakePrivate();
    memory.table_.mutex().lock();
    if (IsInUse() && pipe2(memory.fork_pipe_.data(), O_CLOEXEC) != 0) {
        memory.fork_pipe_ = {-1, -1};
    }
}

bool AppMemory::ThisThreadStandsOn(const MappedArea &area) {
    const auto holds = [&](const void *address) {
        const auto at = reinterpret_cast<uint64_t>(address);
        return at >= area.start && at < area.end;
    };
    // Each page between here and the first frame matters; a region has several only where they were passed together.
    const uint64_t frame = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
    pthread_attr_t attributes;
    void *stack = nullptr;
    size_t num_stack_bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &stack, &num_stack_bytes);
        pthread_attr_destroy(&attributes);
    }
    const uint64_t stack_end = reinterpret_cast<uint64_t>(stack) + num_stack_bytes;
    return holds(&errno) || holds(reinterpret_cast<const void *>(pthread_self())) ||
           (area.start < stack_end && area.end > frame - kFramesBelow);
}

/// Not where the application's memory was made of it: what a driver in this process looks through, which has to go on
/// seeing the region, or what the application has moved since the last sweep. Of what is forgotten no place is known.
bool AppMemory::IsElsewhere(const MappedArea &area, const PlacedRegion &placed) {
    return placed.region != nullptr &&
           (area.start < placed.address ||
            area.end > placed.address + PageFloor(placed.region->num_bytes() + PageSize() - 1));
}

void AppMemory::MakePrivate() {
    if (!IsInUse()) {
        return;
    }
    space_.ForEachArea([this](const MappedArea &area) {
        const auto placed = area.is_shared ? table_.Of(area.file) : std::nullopt;
        const bool waits_for_child =
            placed && (placed->is_born_shared || placed->is_pinned || placed->region == nullptr) &&
            (placed->is_born_shared || !ThisThreadStandsOn(area));
        if (!placed || waits_for_child || IsElsewhere(area, *placed)) {
            return;
        }
        const PageMove move{.area = area,
                            .fd = placed->region != nullptr ? placed->region->ExportFd() : -1,
                            .offset = area.offset,
                            .is_back = true,
                            .lacks_userfault = !HasUserfault()};
        if (const int error = Mover().Move(move); error != 0) {
            // What another thread unmaps meanwhile the child does not get.
            const auto now = space_.AreaAt(area.start);
            if (!now || !now->is_shared || now->file != area.file) {
                return;
            }
            LogWarning("fork: {} bytes of memory stay shared with the child: {}", move.length(),
                       std::strerror(error));
        } else if (placed->is_pinned) {
            LogWarning(
                "fork: memory on the stack of the forking thread was shared with a driver and is "
                "no longer; share memory of the heap instead");
        }
    });
}

void AppMemory::InParent() {
    if (forking_ == nullptr) {
        return;
    }
    AppMemory &memory = *forking_;
    close(std::exchange(memory.fork_pipe_[1], -1));
    const UniqueFd done(std::exchange(memory.fork_pipe_[0], -1));
    memory.table_.mutex().unlock();
    memory.listeners_mutex_.unlock();
    memory.fork_phase_.fetch_add(1);
    memory.move_mutex_.unlock();
    memory.sweep_mutex_.unlock();
    // The end of the file comes when the child has copied, or has died.
    char byte = 0;
    while (done.is_valid() && read(done.get(), &byte, 1) < 0 && errno == EINTR) {}
}

void AppMemory::InChild() {
    if (forking_ == nullptr) {
        return;
    }
    AppMemory &memory = *forking_;
    memory.table_.mutex().unlock();
    memory.space_.Reopen();
    CopyOnAnotherStack();
    memory.table_.Clear();
    is_in_use_.store(false);
    memory.is_sweeping_ = false;
    memory.mover_ = nullptr;  // its thread and its userfaultfd are the parent's
    close(std::exchange(memory.fork_pipe_[0], -1));
    close(std::exchange(memory.fork_pipe_[1], -1));
    memory.listeners_.clear();
    memory.listeners_mutex_.unlock();
    memory.fork_phase_.fetch_add(1);
    memory.move_mutex_.unlock();
    memory.sweep_mutex_.unlock();
}

void AppMemory::CopyOnAnotherStack() {
    // The stack of this thread may be among what is copied, and must not change meanwhile.
    constexpr size_t kNumStackBytes = size_t{256} << 10;
    void *const stack =
        mmap(nullptr, kNumStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ucontext_t here = {};
    ucontext_t there = {};
    if (stack == MAP_FAILED || getcontext(&there) != 0) {
        return;
    }
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = kNumStackBytes;
    there.uc_link = &here;
    makecontext(&there, [] { OfThisProcess().CopyPrivately(); }, 0);
    swapcontext(&here, &there);
    munmap(stack, kNumStackBytes);
}

// Allocates nothing: the heap may be among what is copied, and the parent waits with it as it is.
void AppMemory::CopyPrivately() {
    space_.ForEachArea([this](const MappedArea &area) {
        if (!area.is_shared || !table_.IsOurs(area.file)) {
            return;
        }
        const uint64_t length = area.end - area.start;
        void *const start = reinterpret_cast<void *>(area.start);
        void *const copy =
            mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (copy == MAP_FAILED) {
            return;  // it stays shared: no memory is left
        }
        if (!area.is_readable) {
            mprotect(start, length, PROT_READ);
        }
        (void)CopyBytes(copy, start, length);
        mprotect(copy, length, area.protection());
        mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, start);
    });
}

}  // namespace opendext::channel
