// SPDX-License-Identifier: Apache-2.0
#include "tests/system/application_memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

#include <mach/mach.h>
#include <mach/mach_vm.h>

#include "base/unique_fd.h"

namespace opendext::rig {

namespace {

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): globals are what is tested
uint8_t g_data[kKindBytes] = {1};
uint8_t g_zeros[kKindBytes];
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

AppBytes Heap(size_t num_bytes) {
    auto *memory = static_cast<uint8_t *>(std::calloc(num_bytes, 1));
    return {{memory, num_bytes}, [memory] { std::free(memory); }};
}

// A thread that stands still while its stack is used.
AppBytes Stack(size_t num_bytes) {
    struct Owner {
        std::promise<uint8_t *> address;
        std::promise<void> end;
        std::thread thread;
    };
    auto owner = std::make_shared<Owner>();
    owner->thread = std::thread([owner] {
        uint8_t bytes[kKindBytes] = {};
        owner->address.set_value(bytes);
        owner->end.get_future().wait();
    });
    uint8_t *address = owner->address.get_future().get();
    return {{address, num_bytes}, [owner] {
                owner->end.set_value();
                owner->thread.join();
            }};
}

AppBytes Global(uint8_t *memory, size_t num_bytes) {
    std::memset(memory, 0, num_bytes);
    return {{memory, num_bytes}, nullptr};
}

AppBytes Allocated(size_t num_bytes) {
    mach_vm_address_t address = 0;
    EXPECT_EQ(mach_vm_allocate(mach_task_self(), &address, num_bytes, VM_FLAGS_ANYWHERE),
              KERN_SUCCESS);
    return {{reinterpret_cast<uint8_t *>(address), num_bytes},
            [=] { mach_vm_deallocate(mach_task_self(), address, num_bytes); }};
}

AppBytes MapFile(const std::filesystem::path &file, size_t num_bytes, int protection, int flags) {
    const UniqueFd fd(open(file.c_str(), protection == PROT_READ ? O_RDONLY : O_RDWR));
    void *memory = mmap(nullptr, num_bytes, protection, flags, fd.get(), 0);
    EXPECT_NE(memory, MAP_FAILED);
    return {{static_cast<uint8_t *>(memory), num_bytes}, [=] { munmap(memory, num_bytes); }};
}

}  // namespace

AppBytes MapPages(size_t num_bytes, int protection, int more_flags) {
    void *memory =
        mmap(nullptr, num_bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    return {{static_cast<uint8_t *>(memory), num_bytes}, [=] { munmap(memory, num_bytes); }};
}

std::vector<KindOfMemory> KindsOfMemory(const PrivateFolder &folder) {
    const auto file = folder.Write("bytes", std::string(kKindBytes, 'x'));
    constexpr int kReadWrite = PROT_READ | PROT_WRITE;
    return {
        {"heap", Heap},
        {"stack", Stack},
        {"data", [](size_t num_bytes) { return Global(g_data, num_bytes); }},
        {"bss", [](size_t num_bytes) { return Global(g_zeros, num_bytes); }},
        {"anonymous", [](size_t num_bytes) { return MapPages(num_bytes); }},
        {"mach_vm_allocate", Allocated},
        {"private file",
         [file](size_t num_bytes) { return MapFile(file, num_bytes, kReadWrite, MAP_PRIVATE); }},
        {"shared file",
         [file](size_t num_bytes) { return MapFile(file, num_bytes, kReadWrite, MAP_SHARED); }},
        {"read-only private file",
         [file](size_t num_bytes) { return MapFile(file, num_bytes, PROT_READ, MAP_PRIVATE); },
         false},
        {"read-only shared file",
         [file](size_t num_bytes) { return MapFile(file, num_bytes, PROT_READ, MAP_SHARED); },
         false},
    };
}

}  // namespace opendext::rig
