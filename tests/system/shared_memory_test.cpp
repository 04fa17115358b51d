// SPDX-License-Identifier: Apache-2.0
// Memory of the driver in the application: semantics.md 2.8.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstring>

#include "tests/system/probe_test.h"

namespace opendext::rig {

namespace {

struct Mapped {
    kern_return_t result = 0;
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;

    [[nodiscard]] volatile uint8_t *bytes() const {
        return reinterpret_cast<volatile uint8_t *>(address);
    }
};

// The signal that a process of its own dies of when it does `access`; 0: none.
template <typename Access>
int SignalOf(Access access) {
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGSEGV, SIG_DFL);
        access();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

class SharedMemoryTest : public ProbeTest {
protected:
    [[nodiscard]] Mapped Map(uint32_t type) const {
        Mapped mapped;
        mapped.result = IOConnectMapMemory64(connect(), type, mach_task_self(), &mapped.address,
                                             &mapped.size, kIOMapAnywhere);
        return mapped;
    }
    [[nodiscard]] kern_return_t Unmap(uint32_t type) const {
        return IOConnectUnmapMemory64(connect(), type, mach_task_self(), 0);
    }
};

TEST_P(SharedMemoryTest, MappedMemory_IsTheDriversWholeBuffer) {
    const Mapped mapped = Map(kProbeSharedMemory);
    ASSERT_EQ(mapped.result, kIOReturnSuccess);
    EXPECT_EQ(mapped.size, uint64_t{kProbeSharedBytes});
    mapped.bytes()[0] = 11;
    mapped.bytes()[kProbeSharedBytes - 1] = 12;
    std::vector<uint64_t> seen(2);
    ASSERT_EQ(CallScalars(kProbeReadShared, {0, kProbeSharedBytes - 1}, &seen), kIOReturnSuccess);
    EXPECT_EQ(seen, (std::vector<uint64_t>{11, 12}));
    EXPECT_EQ(Unmap(kProbeSharedMemory), kIOReturnSuccess);
}

TEST_P(SharedMemoryTest, MappedTwice_HasTheSameAddressAndOneUnmap) {
    const Mapped first = Map(kProbeSharedMemory);
    const Mapped second = Map(kProbeSharedMemory);
    ASSERT_EQ(first.result, kIOReturnSuccess);
    ASSERT_EQ(second.result, kIOReturnSuccess);
    EXPECT_EQ(first.address, second.address);
    EXPECT_EQ(first.size, second.size);
    EXPECT_EQ(Unmap(kProbeSharedMemory), kIOReturnSuccess);
    EXPECT_EQ(Unmap(kProbeSharedMemory), kIOReturnBadArgument);
}

TEST_P(SharedMemoryTest, UnmappedMemory_IsGone) {
    const Mapped mapped = Map(kProbeSharedMemory);
    ASSERT_EQ(mapped.result, kIOReturnSuccess);
    ASSERT_EQ(Unmap(kProbeSharedMemory), kIOReturnSuccess);
    unsigned char resident = 0;
    EXPECT_EQ(mincore(reinterpret_cast<void *>(mapped.address), 4096, &resident), -1);
    const Mapped again = Map(kProbeSharedMemory);
    EXPECT_EQ(again.result, kIOReturnSuccess);
}

TEST_P(SharedMemoryTest, ReadOnlyMemory_CanBeReadAndNotWritten) {
    const Mapped mapped = Map(kProbeReadOnlyMemory);
    ASSERT_EQ(mapped.result, kIOReturnSuccess);
    EXPECT_EQ(SignalOf([&] { static_cast<void>(mapped.bytes()[0]); }), 0);
    EXPECT_EQ(SignalOf([&] { mapped.bytes()[0] = 1; }), SIGSEGV);
    if (GetParam() == RigVariant::kTwoProcess) {
        // Nor can the application raise the protection (semantics.md 1.3).
        EXPECT_NE(mprotect(reinterpret_cast<void *>(mapped.address), 4096, PROT_READ | PROT_WRITE),
                  0);
    }
}

// Any failure of the driver is BadArgument to who maps, and itself to who unmaps.
TEST_P(SharedMemoryTest, DriversError_IsBadArgumentForMapOnly) {
    EXPECT_EQ(Map(kProbeNoMemory).result, kIOReturnBadArgument);
    EXPECT_EQ(Unmap(kProbeNoMemory), kIOReturnNoResources);
    EXPECT_EQ(Map(kProbeNullMemory).result, kIOReturnBadArgument);
    EXPECT_EQ(Unmap(kProbeNullMemory), kIOReturnBadArgument);
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

TEST_P(SharedMemoryTest, UnmapWithoutMap_IsBadArgument) {
    EXPECT_EQ(Unmap(kProbeSharedMemory), kIOReturnBadArgument);
}

TEST_P(SharedMemoryTest, FixedAddress_IsUsedOrRefused) {
    void *room = mmap(nullptr, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto address = reinterpret_cast<mach_vm_address_t>(room);
    mach_vm_size_t size = 0;
    EXPECT_NE(
        IOConnectMapMemory64(connect(), kProbeSharedMemory, mach_task_self(), &address, &size, 0),
        kIOReturnSuccess);
    munmap(room, 65536);
    address = reinterpret_cast<mach_vm_address_t>(room);
    EXPECT_EQ(
        IOConnectMapMemory64(connect(), kProbeSharedMemory, mach_task_self(), &address, &size, 0),
        kIOReturnSuccess);
    EXPECT_EQ(address, reinterpret_cast<mach_vm_address_t>(room));
}

TEST_P(SharedMemoryTest, NullOutputsOrAnotherTask_AreBadArguments) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    EXPECT_EQ(IOConnectMapMemory64(connect(), 0, mach_task_self(), nullptr, &size, kIOMapAnywhere),
              kIOReturnBadArgument);
    EXPECT_EQ(
        IOConnectMapMemory64(connect(), 0, mach_task_self(), &address, nullptr, kIOMapAnywhere),
        kIOReturnBadArgument);
    EXPECT_EQ(
        IOConnectMapMemory64(connect(), 0, mach_task_self() + 1, &address, &size, kIOMapAnywhere),
        kIOReturnBadArgument);
}

OPENDEXT_BOTH_VARIANTS(SharedMemoryTest);

}  // namespace

}  // namespace opendext::rig
