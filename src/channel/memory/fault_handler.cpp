// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/fault_handler.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>

#include "base/fault_handler.h"

// Of CopyBytes: the instructions that may fault, and the ones after them.
extern "C" const char opendext_copy_instruction[];  // NOLINT(readability-identifier-naming)
extern "C" const char opendext_copy_end[];          // NOLINT(readability-identifier-naming)
extern "C" const char opendext_stream_start[];      // NOLINT(readability-identifier-naming)
extern "C" const char opendext_stream_end[];        // NOLINT(readability-identifier-naming)
extern "C" const char opendext_blocks_start[];      // NOLINT(readability-identifier-naming)
extern "C" const char opendext_blocks_end[];        // NOLINT(readability-identifier-naming)

namespace opendext::channel {

namespace {

// The range whose writers wait; start and end are 0 when there is none.
std::atomic<uint64_t> gate_start = 0;
std::atomic<uint64_t> gate_end = 0;
std::atomic<uint32_t> num_openings = 0;

// A thread may get to the handler only when the gate has opened again: its write is tried once more. A fault of another
// kind comes back, and is passed on after that many since the gate was closed last.
constexpr uint32_t kMostRetries = 64;
std::atomic<uint32_t> num_retries = kMostRetries;
std::atomic<uint32_t> num_copy_retries = kMostRetries;

bool MayBeLate(std::atomic<uint32_t> &retries) {
    return retries.load() < kMostRetries && retries.fetch_add(1) < kMostRetries;
}

struct CopyPart {
    const char *start;
    const char *end;
};

/// The part of CopyBytes that faulted, or NULL.
const CopyPart *PartThatFaulted([[maybe_unused]] void *context) {
#if defined(__x86_64__)
    static constexpr CopyPart kParts[] = {{opendext_copy_instruction, opendext_copy_end},
                                          {opendext_stream_start, opendext_stream_end},
                                          {opendext_blocks_start, opendext_blocks_end}};
    const auto at = static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP];
    for (const CopyPart &part : kParts) {
        if (at >= reinterpret_cast<greg_t>(part.start) && at < reinterpret_cast<greg_t>(part.end)) {
            return &part;
        }
    }
#endif
    return nullptr;
}

/// @return false when the fault is not of a write that is held up.
bool WaitAtGate(int signal, const siginfo_t &info, void *context) {
    const uint32_t before = num_openings.load();
    const auto address = reinterpret_cast<uint64_t>(info.si_addr);
    if (signal != SIGSEGV || info.si_code != SEGV_ACCERR) {
        return false;
    }
    if (address < gate_start.load() || address >= gate_end.load()) {
        // Copies have tries of their own: many of them may be of memory that is not writable at all.
        return MayBeLate(PartThatFaulted(context) == nullptr ? num_retries : num_copy_retries);
    }
    while (num_openings.load() == before) {
        syscall(SYS_futex, &num_openings, FUTEX_WAIT_PRIVATE, before, nullptr, nullptr, 0);
    }
    return true;
}

bool SkipCopy(int /*signal*/, const siginfo_t & /*info*/, void *context) {
    const CopyPart *const part = PartThatFaulted(context);
#if defined(__x86_64__)
    if (part != nullptr) {
        // A register says what is left.
        auto &instruction = static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP];
        instruction = reinterpret_cast<greg_t>(part->end);
    }
#endif
    return part != nullptr;
}

}  // namespace

void InstallFaultHandler() {
    [[maybe_unused]] static const bool has_gate = [] {
        LookAtFaults(FaultLooker::kWriteGate, &WaitAtGate);
        return true;
    }();
    LookAtFaults(FaultLooker::kCopy, &SkipCopy);
}

void WriteGate::Close(uint64_t start, uint64_t end) {
    num_retries.store(0);
    num_copy_retries.store(0);
    gate_end.store(end);
    gate_start.store(start);
}

void WriteGate::Open() {
    gate_start.store(0);
    gate_end.store(0);
    num_openings.fetch_add(1);
    syscall(SYS_futex, &num_openings, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace opendext::channel
