// SPDX-License-Identifier: Apache-2.0
// An application of the mapper for tests of several processes.
//     mapping_client hold            shares memory in every way, says so, goes on doing it, and waits to be killed
//     mapping_client read ADDRESS    puts a page of 2s at ADDRESS, says what its driver finds there, and the same
//                                    of ADDRESS plus a page, where it has nothing; waits to be killed
//     mapping_client refused         as where the system allows no userfaultfd: says what its driver can do with
//                                    its memory, and ends
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include <IOKit/IOKitLib.h>
#include <mach/mach_vm.h>

#include "tests/system/mapper/MapperProtocol.h"

namespace {

constexpr uint64_t kOut = 2;
constexpr uint64_t kInOut = 3;
constexpr uint64_t kShared = 0x10;
constexpr size_t kNumBytes = 4 * 1024 * 1024;

[[noreturn]] void Give(const char *what, kern_return_t result) {
    std::printf("failed: %s: %#x\n", what, static_cast<unsigned>(result));
    std::fflush(stdout);
    _exit(1);
}

io_connect_t OpenMapper() {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("MapperService"));
    io_connect_t connect = IO_OBJECT_NULL;
    if (const kern_return_t result = IOServiceOpen(service, mach_task_self(), 0, &connect)) {
        Give("open", result);
    }
    return connect;
}

// The last step's result.
MapperResult Run(io_connect_t connect, const std::vector<MapperStep> &steps) {
    std::vector<MapperResult> results(steps.size());
    size_t num_bytes = results.size() * sizeof(MapperResult);
    if (const kern_return_t result = IOConnectCallStructMethod(connect, kMapperRun, steps.data(),
                                                               steps.size() * sizeof(MapperStep),
                                                               results.data(), &num_bytes)) {
        Give("call", result);
    }
    return results.back();
}

MapperResult MapAndSum(io_connect_t connect, uint32_t slot, uint64_t address, uint64_t length,
                       uint64_t options) {
    return Run(connect, {{kMapperSegment, 0, address, length, 0},
                         {kMapperDescribe, slot, options, 0, 0},
                         {kMapperMap, slot, 0, 0, 0},
                         {kMapperSum, slot, 0, length, 0}});
}

void ShareForEver(io_connect_t connect) {
    std::vector<uint8_t> bytes(kNumBytes, 1);
    const auto address = reinterpret_cast<uint64_t>(bytes.data());
    for (uint32_t i = 0;; ++i) {
        const uint64_t options = i % 2 == 0 ? kInOut | kShared : kInOut;
        const MapperResult result = MapAndSum(connect, 0, address + i % 9, kNumBytes - 9, options);
        if (result.status != kIOReturnSuccess || result.value != kNumBytes - 9) {
            Give("sharing", result.status);
        }
    }
}

[[noreturn]] void Hold() {
    const io_connect_t connect = OpenMapper();
    std::vector<uint8_t> bytes(3 * kNumBytes, 1);
    const auto address = reinterpret_cast<uint64_t>(bytes.data());
    uint32_t slot = 0;
    for (const uint64_t options : {uint64_t{0}, kInOut, kInOut | kShared}) {
        const MapperResult result =
            MapAndSum(connect, slot, address + slot * kNumBytes, kNumBytes, options);
        if (result.status != kIOReturnSuccess || result.value != kNumBytes) {
            Give("holding", result.status);
        }
        Run(connect, {{kMapperPrepare, slot, 0, 0, 0}});
        ++slot;
    }
    std::thread sharer(ShareForEver, OpenMapper());
    std::printf("holding\n");
    std::fflush(stdout);
    sharer.join();
    _exit(1);
}

[[noreturn]] void Read(uint64_t address) {
    void *page = mmap(reinterpret_cast<void *>(address), 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page != reinterpret_cast<void *>(address)) {
        Give("mmap", 0);
    }
    std::memset(page, 2, 4096);
    const io_connect_t connect = OpenMapper();
    for (const uint64_t at : {address, address + 4096}) {
        const MapperResult result = MapAndSum(connect, 0, at, 4096, kInOut | kShared);
        std::printf("read %d %llu\n", result.status == kIOReturnSuccess,
                    static_cast<unsigned long long>(result.value));
        Run(connect, {{kMapperForget, 0, 0, 0, 0}});
    }
    std::fflush(stdout);
    for (;;) {
        pause();
    }
}

/// From now on userfaultfd(2) fails as it does for who may not use it.
void RefuseUserfaultfd() {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {.len = std::size(filter), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        Give("seccomp", errno);
    }
}

void Say(const char *what, const MapperResult &result) {
    std::printf("%s: %#x %llu\n", what, static_cast<unsigned>(result.status),
                static_cast<unsigned long long>(result.value));
}

int UseWithoutUserfaultfd() {
    RefuseUserfaultfd();
    const io_connect_t connect = OpenMapper();
    std::vector<std::vector<uint8_t>> buffers;
    for (uint8_t round = 1; round <= 5; ++round) {
        // Each time other memory, so that what is said once per range would be said again.
        buffers.emplace_back(kNumBytes, round);
        const auto address = reinterpret_cast<uint64_t>(buffers.back().data());
        Say("read", MapAndSum(connect, 0, address, kNumBytes, kOut));
        Say("snapshot", MapAndSum(connect, 1, address, kNumBytes, kInOut));
        Say("card reads", Run(connect, {{kMapperSegment, 0, address, kNumBytes, 0},
                                        {kMapperDescribe, 2, kOut, 0, 0},
                                        {kMapperToCard, 2, 0, 0, 0}}));
        Say("shared", Run(connect, {{kMapperSegment, 0, address, kNumBytes, 0},
                                    {kMapperDescribe, 3, kInOut | kShared, 0, 0},
                                    {kMapperMap, 3, 0, 0, 0}}));
    }
    mach_vm_address_t born = 0;
    if (mach_vm_allocate(mach_task_self(), &born, kNumBytes, VM_FLAGS_ANYWHERE) != KERN_SUCCESS) {
        Give("mach_vm_allocate", 0);
    }
    Say("born shared", MapAndSum(connect, 4, born, kNumBytes, kInOut | kShared));
    std::memset(reinterpret_cast<void *>(born), 3, kNumBytes);
    Say("born shared", Run(connect, {{kMapperSum, 4, 0, kNumBytes, 0}}));
    std::printf("done\n");
    std::fflush(stdout);
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 2 && std::string_view(argv[1]) == "hold") {
        Hold();
    }
    if (argc == 3 && std::string_view(argv[1]) == "read") {
        Read(std::strtoull(argv[2], nullptr, 0));
    }
    if (argc == 2 && std::string_view(argv[1]) == "refused") {
        return UseWithoutUserfaultfd();
    }
    return 2;
}
