// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/safe_copy.h"

#if defined(__x86_64__)
#include <atomic>
#include <csignal>
#include <cstddef>

#include "channel/memory/fault_handler.h"
#else
#include <sys/uio.h>
#include <unistd.h>
#endif

namespace opendext::channel {

#if defined(__x86_64__)

namespace {

constexpr uint64_t kLineBytes = 64;
constexpr uint64_t kBlockBytes = uint64_t{4} * 4096;

std::atomic<int64_t> handler_checked_at = 0;

bool IsDue(int64_t checked_at, int64_t now) {
    return now - checked_at > std::chrono::nanoseconds(kHandlerCheck).count();
}

void KeepFaultHandler(int64_t now) {
    if (IsDue(handler_checked_at.load(std::memory_order_acquire), now)) {
        InstallFaultHandler();
        handler_checked_at.store(now, std::memory_order_release);
    }
}

/// While one is alive, faults of this thread reach the handler: those of a thread that blocks the signals end the process.
class UnblockedFaults {
public:
    explicit UnblockedFaults(int64_t now) : is_needed_(AreBlocked(now)) {
        if (is_needed_) {
            const sigset_t faults = Faults();
            pthread_sigmask(SIG_UNBLOCK, &faults, &before_);
        }
    }
    ~UnblockedFaults() {
        if (is_needed_) {
            pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        }
    }
    UnblockedFaults(const UnblockedFaults &) = delete;
    UnblockedFaults &operator=(const UnblockedFaults &) = delete;

private:
    static sigset_t Faults() {
        sigset_t faults;
        sigemptyset(&faults);
        sigaddset(&faults, SIGSEGV);
        sigaddset(&faults, SIGBUS);
        return faults;
    }

    static bool AreBlocked(int64_t now) {
        thread_local int64_t checked_at = 0;
        thread_local bool are_blocked = false;
        if (IsDue(checked_at, now)) {
            sigset_t mask;
            pthread_sigmask(SIG_BLOCK, nullptr, &mask);
            are_blocked = sigismember(&mask, SIGSEGV) == 1 || sigismember(&mask, SIGBUS) == 1;
            checked_at = now;
        }
        return are_blocked;
    }

    const bool is_needed_;
    sigset_t before_;
};

// The labels are of one place each.
[[gnu::noinline]] uint64_t CopyCached(std::byte *to, const std::byte *from, uint64_t num_bytes) {
    uint64_t num_left = num_bytes;
    asm volatile(
        ".globl opendext_copy_instruction\n"
        ".hidden opendext_copy_instruction\n"
        ".globl opendext_copy_end\n"
        ".hidden opendext_copy_end\n"
        "opendext_copy_instruction:\n"
        "rep movsb\n"
        "opendext_copy_end:\n"
        : "+D"(to), "+S"(from), "+c"(num_left)
        :
        : "memory");
    return num_bytes - num_left;
}

/// Whole lines; `to` is at the start of one. Ends before the line that cannot be copied.
[[gnu::noinline]] uint64_t StreamLines(std::byte *to, const std::byte *from, uint64_t num_bytes) {
    uint64_t num_left = num_bytes;
    asm volatile(
        ".globl opendext_stream_start\n"
        ".hidden opendext_stream_start\n"
        ".globl opendext_stream_end\n"
        ".hidden opendext_stream_end\n"
        "opendext_stream_start:\n"
        "movdqu (%[from]), %%xmm0\n"
        "movdqu 16(%[from]), %%xmm1\n"
        "movdqu 32(%[from]), %%xmm2\n"
        "movdqu 48(%[from]), %%xmm3\n"
        "movntdq %%xmm0, (%[to])\n"
        "movntdq %%xmm1, 16(%[to])\n"
        "movntdq %%xmm2, 32(%[to])\n"
        "movntdq %%xmm3, 48(%[to])\n"
        "add $64, %[from]\n"
        "add $64, %[to]\n"
        "sub $64, %[left]\n"
        "jnz opendext_stream_start\n"
        "opendext_stream_end:\n"
        "sfence\n"
        : [to] "+r"(to), [from] "+r"(from), [left] "+r"(num_left)
        :
        : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3");
    return num_bytes - num_left;
}

/// Whole blocks; `to` is at the start of a line. A line of each of a block's four pages by turns, so that the next pages
/// are looked for, in the tables and in memory, while these are copied: that doubles the speed where a processor fetches
/// nothing across the end of a page. Ends before the block that cannot be copied whole.
[[gnu::noinline]] uint64_t StreamBlocks(std::byte *to, const std::byte *from, uint64_t num_bytes) {
    uint64_t num_left = num_bytes;
    uint64_t num_lines = 0;
    asm volatile(
        ".macro opendext_stream_line at\n"
        "prefetcht0 16384+\\at(%[from])\n"
        "movdqu \\at(%[from]), %%xmm0\n"
        "movdqu 16+\\at(%[from]), %%xmm1\n"
        "movdqu 32+\\at(%[from]), %%xmm2\n"
        "movdqu 48+\\at(%[from]), %%xmm3\n"
        "movntdq %%xmm0, \\at(%[to])\n"
        "movntdq %%xmm1, 16+\\at(%[to])\n"
        "movntdq %%xmm2, 32+\\at(%[to])\n"
        "movntdq %%xmm3, 48+\\at(%[to])\n"
        ".endm\n"
        ".globl opendext_blocks_start\n"
        ".hidden opendext_blocks_start\n"
        ".globl opendext_blocks_end\n"
        ".hidden opendext_blocks_end\n"
        "opendext_blocks_start:\n"
        "mov $64, %[lines]\n"
        "1:\n"
        "opendext_stream_line 0\n"
        "opendext_stream_line 4096\n"
        "opendext_stream_line 8192\n"
        "opendext_stream_line 12288\n"
        "add $64, %[from]\n"
        "add $64, %[to]\n"
        "dec %[lines]\n"
        "jnz 1b\n"
        "add $12288, %[from]\n"
        "add $12288, %[to]\n"
        "sub $16384, %[left]\n"
        "jnz opendext_blocks_start\n"
        "opendext_blocks_end:\n"
        "sfence\n"
        ".purgem opendext_stream_line\n"
        : [to] "+r"(to), [from] "+r"(from), [left] "+r"(num_left), [lines] "+r"(num_lines)
        :
        : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3");
    return num_bytes - num_left;
}

uint64_t CopyStreamed(std::byte *to, const std::byte *from, uint64_t num_bytes) {
    const uint64_t in_line = reinterpret_cast<uintptr_t>(to) % kLineBytes;
    const uint64_t num_first = in_line == 0 ? 0 : kLineBytes - in_line;
    uint64_t done = CopyCached(to, from, num_first);
    if (done == num_first) {
        if (num_bytes - done >= kBlockBytes) {
            done += StreamBlocks(to + done, from + done,
                                 (num_bytes - done) / kBlockBytes * kBlockBytes);
        }
        if (num_bytes - done >= kLineBytes) {
            done +=
                StreamLines(to + done, from + done, (num_bytes - done) / kLineBytes * kLineBytes);
        }
    }
    // What is left of the last line, or up to the very byte that cannot be copied.
    return done + CopyCached(to + done, from + done, num_bytes - done);
}

}  // namespace

uint64_t CopyBytes(void *to, const void *from, uint64_t num_bytes, Stores stores) {
    constexpr uint64_t kFewestStreamed = 2 * kLineBytes;
    const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
    KeepFaultHandler(now);
    const UnblockedFaults unblocked(now);
    auto *const target = static_cast<std::byte *>(to);
    const auto *const source = static_cast<const std::byte *>(from);
    return stores == Stores::kStreamed && num_bytes >= kFewestStreamed
               ? CopyStreamed(target, source, num_bytes)
               : CopyCached(target, source, num_bytes);
}

#else

uint64_t CopyBytes(void *to, const void *from, uint64_t num_bytes, Stores /*stores*/) {
    uint64_t done = 0;
    while (done < num_bytes) {
        const iovec local = {static_cast<char *>(to) + done, num_bytes - done};
        const iovec remote = {static_cast<char *>(const_cast<void *>(from)) + done,
                              num_bytes - done};
        const ssize_t moved = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
        if (moved <= 0) {
            break;
        }
        done += static_cast<uint64_t>(moved);
    }
    return done;
}

#endif

}  // namespace opendext::channel
