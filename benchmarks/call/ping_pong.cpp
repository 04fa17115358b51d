// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/ping_pong.h"

#include <sys/mman.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>

#include <fmt/format.h>

#include "base/spin.h"
#include "benchmarks/child_process.h"

namespace opendext::bench {

namespace {

struct Lines {
    alignas(64) std::atomic<uint32_t> request = 0;
    alignas(64) std::atomic<uint32_t> reply = 0;
};

void AwaitNumber(const std::atomic<uint32_t> &word, uint32_t number) {
    while (word.load(std::memory_order_acquire) != number) {
        CpuPause();
    }
}

[[noreturn]] void Answer(Lines &lines) {
    for (uint32_t number = 1;; ++number) {
        AwaitNumber(lines.request, number);
        lines.reply.store(number, std::memory_order_release);
    }
}

}  // namespace

std::expected<void, std::string> MeasurePingPong(size_t count, Samples &samples) {
    void *memory =
        mmap(nullptr, sizeof(Lines), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return std::unexpected(fmt::format("shared memory: {}", std::strerror(errno)));
    }
    const auto unmap = [](Lines *lines) { munmap(lines, sizeof(Lines)); };
    const std::unique_ptr<Lines, decltype(unmap)> lines(new (memory) Lines, unmap);
    const auto child = ChildProcess::Fork(SIGKILL, [&]() -> int { Answer(*lines); });
    if (!child) {
        return std::unexpected(child.error());
    }
    uint32_t number = 0;
    const auto round_trip = [&] {
        lines->request.store(++number, std::memory_order_release);
        AwaitNumber(lines->reply, number);
        return true;
    };
    static_cast<void>(WarmUp(round_trip));
    static_cast<void>(samples.TimeEach(count, round_trip));
    return {};
}

}  // namespace opendext::bench
