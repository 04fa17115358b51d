// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/vm_reader.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "base/futex.h"
#include "base/spin.h"
#include "benchmarks/memory/app/fresh_buffers.h"

namespace opendext::bench {

struct VmReader::Mailbox {
    alignas(64) std::atomic<uint32_t> request = 0;
    std::atomic<uint32_t> is_asleep = 0;
    const std::byte *address = nullptr;  // NULL: only make room
    size_t num_bytes = 0;
    alignas(64) std::atomic<uint32_t> reply = 0;
    bool is_done = false;
    EndWords ends;
};

namespace {

constexpr std::chrono::microseconds kSpin{200};
constexpr std::chrono::seconds kLongestRead{10};

/// Reads `destination.size()` bytes of another process. @return whether all were read.
bool ReadAll(pid_t process, const std::byte *address, std::span<std::byte> destination) {
    size_t num_read = 0;
    while (num_read < destination.size()) {
        const iovec local = {destination.data() + num_read, destination.size() - num_read};
        const iovec remote = {const_cast<std::byte *>(address) + num_read, local.iov_len};
        const ssize_t count = process_vm_readv(process, &local, 1, &remote, 1, 0);
        if (count <= 0) {
            return false;
        }
        num_read += static_cast<size_t>(count);
    }
    return true;
}

}  // namespace

std::expected<VmReader, std::string> VmReader::Start() {
    void *memory =
        mmap(nullptr, sizeof(Mailbox), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return std::unexpected(fmt::format("shared memory: {}", std::strerror(errno)));
    }
    std::shared_ptr<Mailbox> mailbox(new (memory) Mailbox,
                                     [](Mailbox *shared) { munmap(shared, sizeof(Mailbox)); });
    // Where only ancestors may read a process's memory, the child is allowed to by name.
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    auto child = ChildProcess::Fork(SIGKILL, [&] { return Serve(*mailbox); });
    if (!child) {
        return std::unexpected(std::move(child.error()));
    }
    return VmReader(std::move(mailbox), *std::move(child));
}

int VmReader::Serve(Mailbox &mailbox) {
    const pid_t parent = getppid();
    FreshPages room;
    for (uint32_t number = 1;; ++number) {
        const auto is_asked = [&] { return mailbox.request.load() == number; };
        while (!SpinUntil(is_asked, kSpin)) {
            mailbox.is_asleep = 1;
            FutexWait(mailbox.request, number - 1);
            mailbox.is_asleep = 0;
        }
        if (room.bytes().size() < mailbox.num_bytes) {
            auto pages = FreshPages::Map(mailbox.num_bytes);
            if (!pages) {
                return 1;
            }
            room = *std::move(pages);
            room.Touch();
        }
        const auto destination = room.bytes().first(mailbox.num_bytes);
        mailbox.is_done =
            mailbox.address == nullptr || ReadAll(parent, mailbox.address, destination);
        mailbox.ends = EndWords::Of(destination);
        mailbox.reply = number;
    }
}

bool VmReader::Ask(const std::byte *address, size_t num_bytes) {
    mailbox_->address = address;
    mailbox_->num_bytes = num_bytes;
    const uint32_t number = ++mailbox_->request;
    if (mailbox_->is_asleep != 0) {
        FutexWake(mailbox_->request, 1);
    }
    return SpinUntil([&] { return mailbox_->reply.load() == number; }, kLongestRead) &&
           mailbox_->is_done;
}

bool VmReader::Prepare(size_t num_bytes) {
    return Ask(nullptr, num_bytes);
}

bool VmReader::Read(std::span<const std::byte> buffer, EndWords &ends) {
    const bool is_done = Ask(buffer.data(), buffer.size());
    ends = mailbox_->ends;
    return is_done;
}

}  // namespace opendext::bench
