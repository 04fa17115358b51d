// SPDX-License-Identifier: Apache-2.0
#include "host/crash_report.h"

#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/signal_stack.h"
#include "host/crash_panic_logs.h"

namespace opendext::host {

namespace {

constexpr int kFatalSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

// ThreadSanitizer has a thread of its own, which cannot run a handler.
#if __has_feature(thread_sanitizer)
constexpr bool kThreadsCanAnswer = false;
#else
constexpr bool kThreadsCanAnswer = true;
#endif

int report_fd = -1;
std::atomic<const std::atomic<uint32_t> *> num_waiting_lines = nullptr;

void Pause() {
    const timespec millisecond = {.tv_sec = 0, .tv_nsec = 1000000};
    nanosleep(&millisecond, nullptr);
}

// Another thread sends them. When it does not, it is this one, or waits for it.
void AwaitLines() {
    const std::atomic<uint32_t> *const num_waiting = num_waiting_lines.load();
    constexpr int kMostPauses = 2000;
    for (int i = 0; num_waiting != nullptr && num_waiting->load() != 0 && i < kMostPauses; ++i) {
        Pause();
    }
}

// Only calls that a signal handler may make; what does not fit is cut.
class Line {
public:
    void Text(const char *text) {
        while (*text != '\0' && length_ < buffer_.size() - 1) {
            buffer_[length_++] = *text++;
        }
    }
    void Hex(uintptr_t value) {
        char digits[2 * sizeof(value) + 3];
        char *start = digits + sizeof(digits) - 1;
        *start = '\0';
        do {
            *--start = "0123456789abcdef"[value & 0xf];
            value >>= 4;
        } while (value != 0);
        *--start = 'x';
        *--start = '0';
        Text(start);
    }
    void Write() {
        buffer_[length_++] = '\n';
        ssize_t ignored = write(report_fd, buffer_.data(), length_);
        static_cast<void>(ignored);
    }

private:
    std::array<char, 1024> buffer_;
    size_t length_ = 0;
};

void WriteFrame(void *address) {
    Dl_info info = {};
    Line line;
    if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
        line.Hex(reinterpret_cast<uintptr_t>(address));
    } else {
        line.Text(info.dli_fname);
        line.Text("+");
        line.Hex(reinterpret_cast<uintptr_t>(address) -
                 reinterpret_cast<uintptr_t>(info.dli_fbase));
        line.Text(" ");
        line.Text(info.dli_sname == nullptr ? "?" : info.dli_sname);
    }
    line.Write();
}

void WriteOwnFrames() {
    std::array<void *, 64> frames;
    const int num_frames = backtrace(frames.data(), static_cast<int>(frames.size()));
    // The first three are this function, the handler and the kernel's trampoline.
    constexpr int kFirst = 3;
    for (int i = kFirst; i < num_frames; ++i) {
        // The others hold where their callee returns to, which may be the next line, or the next function.
        auto *const address = static_cast<std::byte *>(frames[static_cast<size_t>(i)]);
        WriteFrame(i == kFirst ? address : address - 1);
    }
}

// Which thread is asked for its frames; 0: none, or it has written them.
std::atomic<pid_t> asked_thread = 0;

void WriteFramesOf(pid_t thread) {
    Line line;
    line.Text("thread ");
    line.Hex(static_cast<uintptr_t>(thread));
    line.Write();
    asked_thread.store(thread);
    syscall(SYS_tgkill, getpid(), thread, SIGTRAP);
    // A thread that does not answer is left out.
    for (int i = 0; i < 100 && asked_thread.load() != 0; ++i) {
        Pause();
    }
}

// Told to end from outside: this thread has nothing to do with it, another one hangs.
void WriteFramesOfAllThreads() {
    const int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::array<char, 8192> entries;
    const ssize_t num_bytes = syscall(SYS_getdents64, folder, entries.data(), entries.size());
    for (ssize_t at = 0; at < num_bytes;) {
        const auto *entry = reinterpret_cast<const dirent64 *>(entries.data() + at);
        const auto thread = static_cast<pid_t>(strtol(entry->d_name, nullptr, 10));
        if (thread != 0 && thread != getpid()) {
            WriteFramesOf(thread);
        }
        at += entry->d_reclen;
    }
    close(folder);
}

void OnFatalSignal(int signal, siginfo_t *information, void * /*context*/) {
    if (signal == SIGTRAP && asked_thread.load() == gettid()) {
        WriteOwnFrames();
        asked_thread.store(0);
        return;
    }
    const bool from_outside =
        kThreadsCanAnswer && information->si_code == SI_USER && information->si_pid != getpid();
    if (from_outside) {
        WriteFramesOfAllThreads();
    } else {
        WriteOwnFrames();
    }
    WritePanicLogs(report_fd);
    AwaitLines();
    std::signal(signal, SIG_DFL);
    raise(signal);
}

bool HasHandler(int signal) {
    struct sigaction current = {};
    return sigaction(signal, nullptr, &current) == 0 && current.sa_handler != SIG_DFL;
}

}  // namespace

void InstallCrashReport(int fd) {
    report_fd = fd;
    // Loads what backtrace needs now: a handler may not.
    void *warm_up[1];
    backtrace(warm_up, 1);
    [[maybe_unused]] static const auto *const stack = new SignalStack;  // for ever
    struct sigaction action = {};
    action.sa_sigaction = OnFatalSignal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (const int signal : kFatalSignals) {
        if (!HasHandler(signal)) {
            sigaction(signal, &action, nullptr);
        }
    }
}

void AwaitLinesBeforeEnd(const std::atomic<uint32_t> *num_waiting) {
    num_waiting_lines.store(num_waiting);
}

}  // namespace opendext::host
