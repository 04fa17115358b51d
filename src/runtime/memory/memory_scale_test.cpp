// SPDX-License-Identifier: Apache-2.0
// Very many descriptors and mappings: all of them right, and nothing left of them.
#include <sys/resource.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/page_access.h"

namespace opendext::memory {
namespace {

constexpr uint64_t kManyDescriptors = 10000;
constexpr uint64_t kManyMappings = 1000;

size_t NumOpenFiles() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
}

TEST(MemoryScale, TenThousandBuffers_AreDistinctAndLeaveNothing) {
    rlimit limit = {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < kManyDescriptors + 100) {
        GTEST_SKIP() << "the hard limit of open files is " << limit.rlim_max;
    }
    const MemoryCensus census = TakeMemoryCensus();
    const size_t num_files = NumOpenFiles();
    {
        std::vector<Retained<IOBufferMemoryDescriptor>> buffers;
        std::vector<Retained<IOMemoryMap>> maps;
        for (uint64_t i = 0; i < kManyDescriptors; ++i) {
            buffers.push_back(MakeBuffer(kPage));
            *reinterpret_cast<uint64_t *>(BytesOf(*buffers.back()).data()) = i;
        }
        for (uint64_t i = 0; i < kManyDescriptors; ++i) {
            ASSERT_EQ(*reinterpret_cast<uint64_t *>(BytesOf(*buffers[i]).data()), i);
        }
        for (uint64_t i = 0; i < kManyMappings; ++i) {
            maps.push_back(MapMemory(*buffers[i], {.options = kIOMemoryMapGuardedLarge}));
            ASSERT_EQ(*reinterpret_cast<uint64_t *>(maps.back()->GetAddress()), i);
        }
    }
    EXPECT_EQ(TakeMemoryCensus(), census);
    EXPECT_LE(NumOpenFiles(), num_files);
}

// Sanitizers keep what was freed.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

uint64_t NumResidentKiB() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("RssAnon:")) {
            return std::strtoull(line.c_str() + std::strlen("RssAnon:"), nullptr, 10);
        }
    }
    return 0;
}

TEST(MemoryScale, MemoryOfTenThousandBuffers_GoesBackToTheSystem) {
    const auto make = [] {
        std::vector<Retained<IOBufferMemoryDescriptor>> buffers;
        for (uint64_t i = 0; i < kManyDescriptors; ++i) {
            buffers.push_back(MakeBuffer(kPage));
            (void)BytesOf(*buffers.back());
        }
        return NumResidentKiB();
    };
    const uint64_t before = NumResidentKiB();
    for (int round = 0; round < 3; ++round) {
        EXPECT_GT(make(), before + 8 * 1024);
        EXPECT_LT(NumResidentKiB(), before + 2 * 1024);
    }
}

#endif

/// In a process of its own: buffers until there are no more files. @return whether that failed as it should.
bool RunsOutOfFiles() {
    const rlimit few = {NumOpenFiles() + 20, NumOpenFiles() + 20};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) {
        return false;
    }
    std::vector<Retained<IOBufferMemoryDescriptor>> buffers;
    kern_return_t status = kIOReturnSuccess;
    while (status == kIOReturnSuccess && buffers.size() < 100) {
        IOBufferMemoryDescriptor *buffer = nullptr;
        status = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, kPage, 0, &buffer);
        buffers.emplace_back(buffer);
    }
    return status == kIOReturnNoMemory;
}

TEST(MemoryScale, NoMoreFiles_IsNoMemoryWithTheFixInTheLog) {
    EXPECT_EXIT(std::_Exit(RunsOutOfFiles() ? 0 : 1), testing::ExitedWithCode(0), "ulimit -Hn");
}

TEST(MemoryScale, ThousandMappingsOfOneDescriptor_AreEachFoundAgain) {
    const MemoryCensus census = TakeMemoryCensus();
    std::vector<uint64_t> addresses;
    {
        const auto memory = MakeClientMemory(2 * kManyMappings * kPage, kIOMemoryDirectionIn);
        std::vector<Retained<IOMemoryMap>> maps;
        for (uint64_t i = 0; i < kManyMappings; ++i) {
            maps.push_back(MapMemory(*memory, {.offset = 2 * i * kPage, .length = kPage}));
            *reinterpret_cast<uint64_t *>(maps.back()->GetAddress()) = i;
            addresses.push_back(maps.back()->GetAddress());
        }
        for (uint64_t i = 0; i < kManyMappings; ++i) {
            const uint64_t offset = 2 * i * kPage;
            ASSERT_EQ(MapMemory(*memory, {.offset = offset, .length = kPage}), maps[i]);
            ASSERT_EQ(MapMemory(*memory, {.offset = offset + 8, .length = 8})->GetAddress(),
                      maps[i]->GetAddress() + 8);
        }
        const auto whole = MapMemory(*memory);
        for (uint64_t i = 0; i < kManyMappings; ++i) {
            ASSERT_EQ(*reinterpret_cast<uint64_t *>(whole->GetAddress() + 2 * i * kPage), i);
        }
        // Those of the pages in between are parts of the whole.
        EXPECT_EQ(MapMemory(*memory, {.offset = kPage, .length = 2 * kPage})->GetAddress(),
                  whole->GetAddress() + kPage);
    }
    EXPECT_EQ(TakeMemoryCensus(), census);
    for (const uint64_t address : addresses) {
        ASSERT_EQ(AccessAt(address), PageAccess::kNone);
    }
}

TEST(MemoryScale, MappingsHeldByManyParts_EndWithThem) {
    const MemoryCensus census = TakeMemoryCensus();
    {
        const auto memory = MakeClientMemory(kManyMappings * kPage, kIOMemoryDirectionIn);
        std::vector<Retained<IOMemoryDescriptor>> parts;
        std::vector<uint64_t> addresses;
        for (uint64_t i = 0; i < kManyMappings; ++i) {
            IOMemoryDescriptor *part = nullptr;
            ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, i * kPage, kPage,
                                                                    memory.get(), &part),
                      kIOReturnSuccess);
            parts.emplace_back(part);
            uint64_t address = 0;
            uint64_t length = 0;
            for (int repeat = 0; repeat < 2; ++repeat) {
                ASSERT_EQ(part->Map(kIOMemoryMapGuardedLarge, 0, 0, 0, &address, &length),
                          kIOReturnSuccess);
            }
            addresses.push_back(address);
        }
        for (size_t i = 0; i < parts.size(); i += 2) {
            parts[i].reset();
            ASSERT_EQ(AccessAt(addresses[i]), PageAccess::kNone);
            ASSERT_EQ(AccessAt(addresses[i + 1]), PageAccess::kReadWrite);
        }
    }
    EXPECT_EQ(TakeMemoryCensus(), census);
}

}  // namespace
}  // namespace opendext::memory
