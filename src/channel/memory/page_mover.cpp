// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/page_mover.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/blocked_signals.h"
#include "base/mapping.h"
#include "channel/memory/fault_handler.h"

namespace opendext::channel {

namespace {

/// Writers of other threads wait for one piece at most: about half a millisecond.
constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

/// Linux 6.4; Debian 12's headers lack it.
constexpr uint64_t kProtectsUnpopulated = uint64_t{1} << 13;
constexpr uint64_t kNeeded = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;

/// A userfaultfd with the features asked for; empty when the kernel refuses it or them.
UniqueFd OpenUserfaultWith(int flags, uint64_t features) {
    UniqueFd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags)));
    if (!fd) {
        return {};
    }
    uffdio_api api = {.api = UFFD_API, .features = features, .ioctls = 0};
    return ioctl(fd.get(), UFFDIO_API, &api) == 0 ? std::move(fd) : UniqueFd();
}

/// What holds writers up, and what a test wants to do meanwhile.
struct Hold {
    AddressSpace &space;
    int userfault = -1;
    PageMover::Hook before_mapping = nullptr;
};

/// The sixth argument of a system call goes through the stack: of an int the upper half is whatever was there.
constexpr uint64_t kSixthZero = 0;

// What runs while a piece is protected calls the kernel without libc's and the sanitizers' wrappers: those could
// touch memory that is protected, and a sanitizer would take the move for a write by this thread.

int CopyIn(const PageMove &move, uint64_t from, uint64_t to) {
    while (from < to) {
        const long num_bytes = syscall(SYS_pwrite64, move.fd, from, to - from, move.OffsetOf(from));
        if (num_bytes < 0 && errno == EINTR) {
            continue;
        }
        if (num_bytes <= 0) {
            return num_bytes < 0 ? errno : ENOSPC;
        }
        from += static_cast<uint64_t>(num_bytes);
    }
    return 0;
}

int Protect(int userfault, uint64_t address, uint64_t length, bool is_on) {
    uffdio_writeprotect request = {.range = {.start = address, .len = length},
                                   .mode = is_on ? UFFDIO_WRITEPROTECT_MODE_WP : 0};
    while (syscall(SYS_ioctl, userfault, UFFDIO_WRITEPROTECT, &request) != 0) {
        if (errno != EAGAIN && errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/// Lets `act` do all of a range. One that is not whole any more is refused as a whole, so its halves are tried.
template <typename Act>
void DoWhatIsLeft(uint64_t start, uint64_t length, Act act) {
    if (act(start, length) == 0 || length <= PageSize()) {
        return;
    }
    const uint64_t half = length / 2 / PageSize() * PageSize();
    DoWhatIsLeft(start, half, act);
    DoWhatIsLeft(start + half, length - half, act);
}

/// Whether `now` shows what the move is of, whatever its protection.
bool IsOf(const PageMove &move, const MappedArea &now) {
    const MappedArea &area = move.area;
    // The offset of memory without a file says nothing.
    return now.is_shared == area.is_shared && now.file == area.file &&
           (area.file.inode == 0 || now.offset - now.start == area.offset - area.start);
}

/// Whether all of it is still that, in one mapping.
bool IsStill(const PageMove &move, AddressSpace &space, uint64_t start, uint64_t length,
             int protection) {
    const auto now = space.AreaAt(start);
    return now && start + length <= now->end && IsOf(move, *now) && now->protection() == protection;
}

int ProtectionWhileHeld(const PageMove &move) {
    return move.area.protection() & (move.needs_gate() ? ~PROT_WRITE : ~0);
}

int HoldWriters(const PageMove &move, const Hold &hold, uint64_t start, uint64_t length) {
    if (!move.needs_gate()) {
        return Protect(hold.userfault, start, length, true);
    }
    if ((move.area.protection() & PROT_WRITE) == 0) {
        return 0;
    }
    WriteGate::Close(start, start + length);
    return syscall(SYS_mprotect, start, length, ProtectionWhileHeld(move)) == 0 ? 0 : errno;
}

/// Of a piece that is not moved: for what others have mapped there since nothing changes.
void Unprotect(const PageMove &move, const Hold &hold, uint64_t start, uint64_t length) {
    if (!move.needs_gate()) {
        DoWhatIsLeft(start, length, [&hold](uint64_t part, uint64_t num_bytes) {
            return Protect(hold.userfault, part, num_bytes, false);
        });
        return;
    }
    const uint64_t end = start + length;
    for (auto area = hold.space.AreaAtOrAfter(start); area && area->start < end;
         area = hold.space.AreaAtOrAfter(area->end)) {
        if (IsOf(move, *area)) {
            const uint64_t first = std::max(start, area->start);
            syscall(SYS_mprotect, first, std::min(end, area->end) - first, move.area.protection());
        }
    }
}

void LetWritersGo(const PageMove &move, const Hold &hold, uint64_t start, uint64_t length,
                  bool is_moved) {
    if (!is_moved) {
        Unprotect(move, hold, start, length);
    }
    if (move.needs_gate()) {
        WriteGate::Open();
        return;
    }
    uffdio_range range = {.start = start, .len = length};
    syscall(SYS_ioctl, hold.userfault, UFFDIO_WAKE, &range);
}

/// Whether the piece is still what HoldWriters has protected: there is no hole, and what another thread has mapped
/// there since does not let itself be protected.
bool IsStillHeld(const PageMove &move, const Hold &hold, uint64_t start, uint64_t length) {
    if (hold.before_mapping != nullptr) {
        hold.before_mapping(start, start + length);
    }
    return IsStill(move, hold.space, start, length, ProtectionWhileHeld(move)) &&
           (move.needs_gate() || Protect(hold.userfault, start, length, true) == 0);
}

int MapFile(const PageMove &move, const Hold &hold, uint64_t start, uint64_t end) {
    int error = CopyIn(move, start, std::clamp(move.kept_start, start, end));
    if (error == 0) {
        error = CopyIn(move, std::clamp(move.kept_end, start, end), end);
    }
    if (error != 0) {
        return error;
    }
    // As late as can be: the kernel has no call that replaces a mapping only if it is a certain one.
    if (!IsStillHeld(move, hold, start, end - start)) {
        return EFAULT;
    }
    return syscall(SYS_mmap, start, end - start, move.area.protection(),
                   MAP_SHARED | MAP_FIXED | MAP_POPULATE, move.fd, move.OffsetOf(start)) == -1
               ? errno
               : 0;
}

/// Fills `to` with the piece from `start` on. @return as pread(2).
long ReadPiece(const PageMove &move, uint64_t start, uint64_t to, uint64_t length) {
    if (move.fd >= 0) {
        return syscall(SYS_pread64, move.fd, to, length, move.OffsetOf(start));
    }
    const iovec local = {reinterpret_cast<void *>(to), length};
    const iovec remote = {reinterpret_cast<void *>(start), length};
    return syscall(SYS_process_vm_readv, syscall(SYS_getpid), &local, 1, &remote, 1, kSixthZero);
}

int MapPrivateCopy(const PageMove &move, const Hold &hold, uint64_t start, uint64_t end) {
    const uint64_t length = end - start;
    const long copy = syscall(SYS_mmap, nullptr, length, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, kSixthZero);
    if (copy == -1) {
        return errno;
    }
    int error = 0;
    for (uint64_t done = 0; done < length && error == 0;) {
        const long num_bytes =
            ReadPiece(move, start + done, static_cast<uint64_t>(copy) + done, length - done);
        error = num_bytes <= 0 && errno != EINTR ? EFAULT : 0;
        done += num_bytes > 0 ? static_cast<uint64_t>(num_bytes) : 0;
    }
    syscall(SYS_mprotect, copy, length, move.area.protection());
    if (error == 0 && !IsStillHeld(move, hold, start, length)) {
        error = EFAULT;
    }
    if (error == 0 &&
        syscall(SYS_mremap, copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, start) == -1) {
        error = errno;
    }
    if (error != 0) {
        syscall(SYS_munmap, copy, length);
    }
    return error;
}

int MovePiece(const PageMove &move, const Hold &hold, uint64_t start, uint64_t end) {
    const uint64_t length = end - start;
    if (const int error = HoldWriters(move, hold, start, length); error != 0) {
        LetWritersGo(move, hold, start, length, false);
        return error;
    }
    const int error =
        move.is_back ? MapPrivateCopy(move, hold, start, end) : MapFile(move, hold, start, end);
    LetWritersGo(move, hold, start, length, error == 0);
    return error;
}

int MoveAllPieces(const PageMove &move, const Hold &hold) {
    int error = 0;
    for (uint64_t start = move.area.start; start < move.area.end && error == 0;) {
        const uint64_t piece_end = std::min(move.area.end, start + kPieceBytes);
        error = MovePiece(move, hold, start, piece_end);
        start = piece_end;
    }
    return error;
}

}  // namespace

PageMover::PageMover(AddressSpace &space) : space_(space) {
    OpenUserfault();
    Start();
}

void PageMover::OpenUserfault() {
    // The kind that also holds up system calls needs a privilege.
    for (const int flags : {0, UFFD_USER_MODE_ONLY}) {
        for (const uint64_t extra : {kProtectsUnpopulated, uint64_t{0}}) {
            if (!userfault_) {
                errno = 0;
                userfault_ = OpenUserfaultWith(flags, kNeeded | extra);
                protects_unpopulated_ = extra != 0;
                lacks_descriptors_ = !userfault_ && (errno == EMFILE || errno == ENFILE);
            }
        }
    }
}

bool PageMover::IsAllowed() {
    if (lacks_descriptors_) {
        OpenUserfault();
    }
    return userfault_.is_valid();
}

PageMover::~PageMover() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void PageMover::Start() {
    {
        const BlockedSignals blocked;
        thread_ = std::thread([this] { Run(); });
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stack_end_ != 0; });
}

void PageMover::Run() {
    pthread_setname_np(pthread_self(), "page-mover");
    pthread_attr_t attributes;
    void *stack = nullptr;
    size_t num_stack_bytes = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack, &num_stack_bytes);
    pthread_attr_destroy(&attributes);
    std::unique_lock lock(mutex_);
    stack_start_ = reinterpret_cast<uint64_t>(stack);
    stack_end_ = stack_start_ + num_stack_bytes;
    changed_.notify_all();
    while (true) {
        changed_.wait(lock, [this] { return is_ending_ || (wanted_ != nullptr && !is_done_); });
        if (is_ending_) {
            return;
        }
        const PageMove move = *wanted_;
        lock.unlock();
        const int result = MovePieces(move);
        lock.lock();
        result_ = result;
        is_done_ = true;
        changed_.notify_all();
    }
}

bool PageMover::StandsOn(uint64_t address, uint64_t length) const {
    return address < stack_end_ && stack_start_ < address + length;
}

int PageMover::Move(const PageMove &move) {
    std::unique_lock lock(mutex_);
    wanted_ = &move;
    is_done_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_done_; });
    wanted_ = nullptr;
    return result_;
}

int PageMover::MovePieces(const PageMove &move) const {
    const Hold hold = {space_, userfault_.get(), before_mapping_.load()};
    const auto is_still = [&] {
        return IsStill(move, space_, move.area.start, move.length(), move.area.protection());
    };
    if (move.needs_gate()) {
        InstallFaultHandler();
        return is_still() ? MoveAllPieces(move, hold) : EFAULT;
    }
    if (!protects_unpopulated_) {
        // A page that is not there cannot be protected: its first write would be lost.
        syscall(SYS_madvise, move.area.start, move.length(), MADV_POPULATE_READ);
    }
    uffdio_register request = {.range = {.start = move.area.start, .len = move.length()},
                               .mode = UFFDIO_REGISTER_MODE_WP,
                               .ioctls = 0};
    if (syscall(SYS_ioctl, userfault_.get(), UFFDIO_REGISTER, &request) != 0) {
        const int error = errno;
        return is_still() ? error : EFAULT;
    }
    // From here on what takes the place of these pages is not registered, and refuses to be protected.
    const int error = is_still() ? MoveAllPieces(move, hold) : EFAULT;
    // What was not moved is still registered; for what was moved there is nothing to take back.
    const auto unregister = [this](uint64_t start, uint64_t length) {
        uffdio_range range = {.start = start, .len = length};
        return static_cast<int>(syscall(SYS_ioctl, userfault_.get(), UFFDIO_UNREGISTER, &range));
    };
    if (error == 0) {
        (void)unregister(move.area.start, move.length());
    } else {
        DoWhatIsLeft(move.area.start, move.length(), unregister);
    }
    return error;
}

}  // namespace opendext::channel
