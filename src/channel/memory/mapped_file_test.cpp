// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "channel/memory/testing/app_memory_fixture.h"

namespace opendext::channel {
namespace {

constexpr uint64_t kFileBytes = uint64_t{64} << 10;

/// A file with no name, in memory.
UniqueFd MakeFile(uint64_t num_bytes = kFileBytes) {
    UniqueFd fd(memfd_create("shared-file", MFD_CLOEXEC));
    EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(num_bytes)), 0);
    return fd;
}

class Mapping {
public:
    Mapping(int fd, uint64_t num_bytes = kFileBytes, int protection = PROT_READ | PROT_WRITE,
            uint64_t offset = 0, int flags = MAP_SHARED)
        : num_bytes_(num_bytes),
          bytes_(static_cast<std::byte *>(
              mmap(nullptr, num_bytes, protection, flags, fd, static_cast<off_t>(offset)))) {
        EXPECT_NE(static_cast<void *>(bytes_), MAP_FAILED);
    }
    ~Mapping() { munmap(bytes_, num_bytes_); }
    Mapping(const Mapping &) = delete;
    Mapping &operator=(const Mapping &) = delete;

    [[nodiscard]] std::byte *data() const { return bytes_; }
    [[nodiscard]] AppRange range() const { return RangeOf(bytes_, num_bytes_); }

private:
    const uint64_t num_bytes_;
    std::byte *const bytes_;
};

std::expected<std::shared_ptr<SharedRegion>, int> Open(const Mapping &mapping) {
    AddressSpace space;
    return OpenMappedFile(*space.AreaAt(mapping.range().address));
}

TEST(MappedFile, FileOnADisk_IsFound) {
    std::string path = testing::TempDir() + "mapped-file-XXXXXX";
    const UniqueFd fd(mkstemp(path.data()));
    ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(kFileBytes)), 0);
    const Mapping mapping(fd.get());
    const auto found = Open(mapping);
    unlink(path.c_str());
    ASSERT_TRUE(found);
    (*found)->Writable()[9] = std::byte{3};
    EXPECT_EQ(ReadNow(mapping.data() + 9), std::byte{3});
}

TEST(MappedFile, FileWithoutAName_IsFoundWhileItsDescriptorIsOpen) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get());
    const auto found = Open(mapping);
    ASSERT_TRUE(found);
    EXPECT_EQ((*found)->num_bytes(), kFileBytes);
    EXPECT_TRUE((*found)->may_be_cut());
    mapping.data()[5] = std::byte{4};
    EXPECT_EQ(ReadNow((*found)->ReadOnly() + 5), std::byte{4});
}

TEST(MappedFile, MappingForReading_GivesNoMore) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get(), kFileBytes, PROT_READ);
    const auto found = Open(mapping);
    ASSERT_TRUE(found);
    EXPECT_EQ((*found)->Writable(), nullptr);
    EXPECT_NE((*found)->ReadOnly(), nullptr);
}

TEST(MappedFile, EmptyFile_IsNone) {
    const UniqueFd fd = MakeFile(4096);
    const Mapping mapping(fd.get(), 4096);
    ASSERT_EQ(ftruncate(fd.get(), 0), 0);
    EXPECT_FALSE(Open(mapping));
}

/// AppMemory with files of the application's own.
class AppFileTest : public testing::Test {
protected:
    void TearDown() override { memory.Sweep(); }

    AppMemory &memory = AppMemory::OfThisProcess();
};

TEST_F(AppFileTest, MemoryOfAFile_IsSharedAsItIs) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get(), kFileBytes - 4096, PROT_READ | PROT_WRITE, 4096);
    const AppRange range = RangeOf(mapping.data() + 100, 20'000);
    EXPECT_FALSE(memory.Find(range, kWrite));
    const auto slice = memory.FindFile(range, kWrite);
    ASSERT_TRUE(slice);
    EXPECT_EQ(slice->offset, 4196U);
    *At(*slice) = std::byte{8};
    EXPECT_EQ(ReadNow(mapping.data() + 100), std::byte{8});
    const auto again = memory.Share(range, kWrite);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->size(), 1U);
    EXPECT_EQ(again->front().region, slice->region);
}

TEST_F(AppFileTest, OtherMappingsOfIt_GoOnShowingTheSame) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get());
    const Mapping other(fd.get());
    const auto slice = memory.FindFile(mapping.range(), kWrite);
    ASSERT_TRUE(slice);
    ASSERT_TRUE(memory.Leave(mapping.range()));
    memory.Discard(mapping.range());
    mapping.data()[0] = std::byte{1};
    EXPECT_EQ(ReadNow(other.data()), std::byte{1});
    EXPECT_EQ(ReadNow(At(*slice)), std::byte{1});
    EXPECT_FALSE(memory.HasShared(mapping.range()));
}

TEST_F(AppFileTest, WhereNoSnapshotCanStand_ItIsNotShared) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get());
    EXPECT_EQ(memory.Share(mapping.range(), kRead, AppMemory::Files::kExcluded).error(),
              ShareFailure::kNotMovable);
}

TEST_F(AppFileTest, FileThatHasGrown_IsSharedWhole) {
    const UniqueFd fd = MakeFile(4096);
    const Mapping mapping(fd.get());
    EXPECT_TRUE(memory.FindFile(RangeOf(mapping.data(), 4096), kWrite));
    EXPECT_FALSE(memory.FindFile(mapping.range(), kWrite));
    ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(kFileBytes)), 0);
    const auto slice = memory.FindFile(mapping.range(), kWrite);
    ASSERT_TRUE(slice);
    mapping.data()[kFileBytes - 1] = std::byte{6};
    EXPECT_EQ(ReadNow(slice->region->ReadOnly() + kFileBytes - 1), std::byte{6});
}

TEST_F(AppFileTest, FileThatIsCutShort_ReadsAsZerosWhereItWas) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get());
    mapping.data()[40'000] = std::byte{6};
    const auto slice = memory.FindFile(mapping.range(), kWrite);
    ASSERT_TRUE(slice);
    const std::byte *const seen = slice->region->ReadOnly();
    EXPECT_EQ(ReadNow(seen + 40'000), std::byte{6});
    ASSERT_EQ(ftruncate(fd.get(), 4096), 0);
    EXPECT_EQ(ReadNow(seen + 40'000), std::byte{0});
}

TEST_F(AppFileTest, FileThatIsNotMappedAnyMore_IsForgotten) {
    const UniqueFd fd = MakeFile();
    std::weak_ptr<SharedRegion> region;
    {
        const Mapping mapping(fd.get());
        region = memory.FindFile(mapping.range(), kWrite)->region;
        memory.Sweep();
        EXPECT_FALSE(region.expired());
    }
    memory.Sweep();
    // The sweep that runs by itself may have found it, and still be at it.
    while (!region.expired()) {
        std::this_thread::yield();
    }
}

TEST_F(AppFileTest, ChildAfterFork_StillSharesIt) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get());
    ASSERT_TRUE(memory.FindFile(mapping.range(), kWrite));
    const pid_t child = fork();
    if (child == 0) {
        mapping.data()[3] = std::byte{5};
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(ReadNow(mapping.data() + 3), std::byte{5});
}

TEST_F(AppFileTest, PrivateMemory_IsNone) {
    const UniqueFd fd = MakeFile();
    const Mapping mapping(fd.get(), kFileBytes, PROT_READ | PROT_WRITE, 0, MAP_PRIVATE);
    EXPECT_FALSE(memory.FindFile(mapping.range(), kWrite));
    const MappedRegion fresh = MapFresh(4096, 1);
    EXPECT_FALSE(memory.FindFile(RangeOf(fresh.data(), 4096), kRead));
}

}  // namespace
}  // namespace opendext::channel
