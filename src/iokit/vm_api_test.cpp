// SPDX-License-Identifier: Apache-2.0
// semantics.md 7.6.
#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <span>

#include <gtest/gtest.h>
#include <mach/mach.h>
#include <mach/mach_vm.h>

#include "channel/memory/app_memory.h"

namespace {

using opendext::MapAccess;
using opendext::channel::AppMemory;

constexpr uint64_t kPage = 4096;

/// Allocated pages, gone with this object.
class Pages {
public:
    explicit Pages(mach_vm_size_t size, mach_vm_address_t at = 0, int flags = VM_FLAGS_ANYWHERE)
        : address(at), size_(size) {
        result = mach_vm_allocate(mach_task_self(), &address, size, flags);
    }
    ~Pages() {
        if (result == KERN_SUCCESS) {
            mach_vm_deallocate(mach_task_self(), address, size_);
        }
    }
    Pages(const Pages &) = delete;
    Pages &operator=(const Pages &) = delete;

    [[nodiscard]] std::span<uint8_t> bytes() const {
        return {reinterpret_cast<uint8_t *>(address), size_};
    }

    mach_vm_address_t address;
    kern_return_t result;

private:
    const mach_vm_size_t size_;
};

bool IsMapped(uint64_t address) {
    unsigned char resident = 0;
    return mincore(reinterpret_cast<void *>(address & ~(kPage - 1)), kPage, &resident) == 0;
}

TEST(VmAllocate, Anywhere_IsZeroFilledWholePagesThatCanBeShared) {
    const Pages pages(3 * kPage + 1, 0x1234, VM_FLAGS_ANYWHERE | VM_MAKE_TAG(240));
    ASSERT_EQ(pages.result, KERN_SUCCESS);
    EXPECT_EQ(pages.address % kPage, 0U);
    EXPECT_TRUE(std::ranges::all_of(pages.bytes(), [](uint8_t byte) { return byte == 0; }));
    pages.bytes()[4 * kPage - 1 - kPage] = 1;
    auto slice =
        AppMemory::OfThisProcess().Find({pages.address + 5, 3 * kPage}, MapAccess::kReadWrite);
    ASSERT_TRUE(slice);
    pages.bytes()[5] = 9;
    EXPECT_EQ(slice->region->ReadOnly()[slice->offset], std::byte{9});
}

TEST(VmAllocate, Nothing_IsAllocatedOfSizeZero) {
    mach_vm_address_t address = 77;
    EXPECT_EQ(mach_vm_allocate(mach_task_self(), &address, 0, VM_FLAGS_FIXED), KERN_SUCCESS);
    EXPECT_EQ(address, 0U);
    EXPECT_EQ(mach_vm_deallocate(mach_task_self(), 77, 0), KERN_SUCCESS);
}

TEST(VmAllocate, FixedAddress_IsRoundedDownAndMustBeFree) {
    mach_vm_address_t free_address = 0;
    {
        const Pages pages(4 * kPage);
        ASSERT_EQ(pages.result, KERN_SUCCESS);
        free_address = pages.address;
        EXPECT_EQ(Pages(kPage, pages.address + kPage, VM_FLAGS_FIXED).result, KERN_NO_SPACE);
        pages.bytes()[kPage] = 5;
        EXPECT_EQ(pages.bytes()[kPage], 5);
    }
    const Pages fixed(kPage, free_address + kPage + 9, VM_FLAGS_FIXED);
    ASSERT_EQ(fixed.result, KERN_SUCCESS);
    EXPECT_EQ(fixed.address, free_address + kPage);
    EXPECT_TRUE(AppMemory::OfThisProcess().Find({fixed.address, kPage}, MapAccess::kReadWrite));
}

TEST(VmAllocate, Overwrite_ReplacesWhatIsThere) {
    const Pages pages(4 * kPage);
    ASSERT_EQ(pages.result, KERN_SUCCESS);
    std::ranges::fill(pages.bytes(), 7);
    mach_vm_address_t middle = pages.address + kPage;
    ASSERT_EQ(
        mach_vm_allocate(mach_task_self(), &middle, 2 * kPage, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE),
        KERN_SUCCESS);
    EXPECT_EQ(pages.bytes()[kPage - 1], 7);
    EXPECT_EQ(pages.bytes()[kPage], 0);
    EXPECT_EQ(pages.bytes()[3 * kPage - 1], 0);
    EXPECT_EQ(pages.bytes()[3 * kPage], 7);
    EXPECT_TRUE(AppMemory::OfThisProcess().Find({middle, 2 * kPage}, MapAccess::kReadWrite));
}

TEST(VmAllocate, BadArguments_AreTheOriginals) {
    EXPECT_EQ(Pages(UINT64_MAX).result, KERN_INVALID_ARGUMENT);
    EXPECT_EQ(Pages(1ULL << 60).result, KERN_NO_SPACE);
    EXPECT_EQ(Pages(kPage, UINT64_MAX - kPage + 1, VM_FLAGS_FIXED).result, KERN_INVALID_ADDRESS);
    EXPECT_EQ(Pages(kPage, 1ULL << 60, VM_FLAGS_FIXED).result, KERN_INVALID_ADDRESS);
    EXPECT_EQ(Pages(kPage, 0, VM_FLAGS_FIXED).result, KERN_INVALID_ADDRESS);
    EXPECT_EQ(Pages(kPage, 0, VM_FLAGS_ANYWHERE | 0x100).result, KERN_INVALID_ARGUMENT);
    mach_vm_address_t address = 0;
    EXPECT_EQ(mach_vm_allocate(mach_task_self() + 1, &address, kPage, VM_FLAGS_ANYWHERE),
              KERN_INVALID_ARGUMENT);
    EXPECT_EQ(mach_vm_allocate(mach_task_self(), nullptr, kPage, VM_FLAGS_ANYWHERE),
              KERN_INVALID_ARGUMENT);
}

TEST(VmDeallocate, TakesThePagesThatHoldTheRange) {
    vm_address_t address = 0;
    ASSERT_EQ(vm_allocate(mach_task_self(), &address, 4 * kPage, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    EXPECT_EQ(vm_deallocate(mach_task_self(), address + kPage + 1, kPage), KERN_SUCCESS);
    EXPECT_TRUE(IsMapped(address));
    EXPECT_FALSE(IsMapped(address + kPage));
    EXPECT_FALSE(IsMapped(address + 2 * kPage));
    EXPECT_TRUE(IsMapped(address + 3 * kPage));
    EXPECT_EQ(vm_deallocate(mach_task_self(), address, 4 * kPage), KERN_SUCCESS);
    EXPECT_EQ(vm_deallocate(mach_task_self(), address, 4 * kPage), KERN_SUCCESS);
    EXPECT_FALSE(IsMapped(address));
}

TEST(VmDeallocate, BadArguments_AreTheOriginals) {
    EXPECT_EQ(mach_vm_deallocate(mach_task_self(), kPage, UINT64_MAX), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(mach_vm_deallocate(mach_task_self(), UINT64_MAX - 10, 5), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(mach_vm_deallocate(mach_task_self() + 1, kPage, kPage), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(mach_vm_deallocate(mach_task_self(), 1ULL << 60, kPage), KERN_SUCCESS);
}

}  // namespace
