// SPDX-License-Identifier: Apache-2.0
#include <opendext/toolkit/descriptor_pool.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::toolkit {
namespace {

using memory::kPage;
using memory::TakeMemoryCensus;

/// A factory that counts, and fails when told to.
struct Factory {
    kern_return_t result = kIOReturnSuccess;
    uint64_t capacity = kPage;
    int num_made = 0;

    static kern_return_t Make(const DescriptorPoolOptions &options,
                              IOBufferMemoryDescriptor **descriptor) {
        auto *self = static_cast<Factory *>(options.factory_context);
        if (self->result != kIOReturnSuccess) {
            return self->result;
        }
        ++self->num_made;
        return IOBufferMemoryDescriptor::Create(options.direction, self->capacity, 0, descriptor);
    }

    DescriptorPoolOptions Options(uint32_t max_count) {
        DescriptorPoolOptions options;
        options.capacity = kPage;
        options.max_count = max_count;
        options.factory = &Make;
        options.factory_context = this;
        return options;
    }
};

uint64_t LengthOf(const PooledDescriptor &descriptor) {
    uint64_t length = 0;
    EXPECT_EQ(descriptor.get()->GetLength(&length), kIOReturnSuccess);
    return length;
}

class ToolkitPool : public testing::Test {
protected:
    ~ToolkitPool() override {
        pool_.reset();
        EXPECT_EQ(TakeMemoryCensus(), before_);
    }

    PooledDescriptor Take() {
        PooledDescriptor descriptor;
        EXPECT_EQ(pool_->Take(&descriptor), kIOReturnSuccess);
        return descriptor;
    }

    const memory::MemoryCensus before_ = TakeMemoryCensus();
    Factory factory_;
    std::optional<DescriptorPool> pool_{std::in_place};
};

TEST_F(ToolkitPool, GrowsOnDemandUpToItsMaximum) {
    ASSERT_EQ(pool_->Create(factory_.Options(3)), kIOReturnSuccess);
    EXPECT_EQ(factory_.num_made, 0);
    std::vector<PooledDescriptor> taken;
    for (int i = 1; i <= 3; ++i) {
        taken.push_back(Take());
        EXPECT_EQ(factory_.num_made, i);
    }
    PooledDescriptor fourth;
    EXPECT_EQ(pool_->Take(&fourth), kIOReturnNoResources);
    EXPECT_FALSE(fourth);
    taken.erase(taken.begin() + 1);
    EXPECT_EQ(pool_->Take(&fourth), kIOReturnSuccess);
    EXPECT_EQ(factory_.num_made, 3);
}

TEST_F(ToolkitPool, TakenDescriptors_AreDistinctAndMapped) {
    DescriptorPoolOptions options;
    options.capacity = kPage + 1;
    options.direction = kIOMemoryDirectionOut;
    ASSERT_EQ(pool_->Create(options), kIOReturnSuccess);
    std::vector<PooledDescriptor> taken;
    std::set<uint8_t *> addresses;
    for (int i = 0; i < 16; ++i) {
        taken.push_back(Take());
        const Bytes bytes = taken.back().bytes();
        EXPECT_EQ(bytes.size, kPage + 1);
        std::memset(bytes.data, i, bytes.size);
        addresses.insert(bytes.data);
        Bytes own;
        EXPECT_EQ(BytesOf(taken.back().get(), &own), kIOReturnSuccess);
        EXPECT_EQ(own.data, bytes.data);
    }
    EXPECT_EQ(addresses.size(), 16U);
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(taken[static_cast<size_t>(i)].bytes().data[kPage], i);
    }
}

TEST_F(ToolkitPool, LastOneBack_IsTheNextOneOut) {
    ASSERT_EQ(pool_->Create(factory_.Options(4)), kIOReturnSuccess);
    PooledDescriptor first = Take();
    PooledDescriptor second = Take();
    const uint8_t *address = first.bytes().data;
    second.Reset();
    first.Reset();
    EXPECT_EQ(Take().bytes().data, address);
    EXPECT_EQ(factory_.num_made, 2);
}

TEST_F(ToolkitPool, Prewarmed_AreMadeByCreate) {
    DescriptorPoolOptions options = factory_.Options(4);
    options.prewarmed_count = 4;
    ASSERT_EQ(pool_->Create(options), kIOReturnSuccess);
    EXPECT_EQ(factory_.num_made, 4);
    std::vector<PooledDescriptor> taken;
    for (int i = 0; i < 4; ++i) {
        taken.push_back(Take());
    }
    EXPECT_EQ(factory_.num_made, 4);
}

// semantics.md 1.8: the length stays what it was set to, so the pool has to know it.
TEST_F(ToolkitPool, Length_IsWhatTakeSays) {
    ASSERT_EQ(pool_->Create(factory_.Options(1)), kIOReturnSuccess);
    PooledDescriptor descriptor;
    ASSERT_EQ(pool_->Take(&descriptor, 100), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(descriptor), 100U);
    EXPECT_EQ(descriptor.length(), 100U);
    EXPECT_EQ(descriptor.contents().size, 100U);
    EXPECT_EQ(descriptor.bytes().size, kPage);
    ASSERT_EQ(pool_->Take(&descriptor, 100), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(descriptor), 100U);
    ASSERT_EQ(pool_->Take(&descriptor), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(descriptor), kPage);
    EXPECT_EQ(pool_->Take(&descriptor, kPage + 1), kIOReturnNoSpace);
    EXPECT_FALSE(descriptor);
    EXPECT_EQ(factory_.num_made, 1);
}

TEST_F(ToolkitPool, Fill_SetsContentsAndLength) {
    ASSERT_EQ(pool_->Create(factory_.Options(1)), kIOReturnSuccess);
    const memory::Retained<OSData> data(OSData::withBytes("firmware", 8));
    PooledDescriptor descriptor = Take();
    ASSERT_EQ(descriptor.Fill(data.get()), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(descriptor), 8U);
    EXPECT_EQ(std::memcmp(descriptor.contents().data, "firmware", 8), 0);
    EXPECT_EQ(descriptor.Fill(static_cast<const OSData *>(nullptr)), kIOReturnBadArgument);
    const std::vector<uint8_t> many(kPage + 1);
    EXPECT_EQ(descriptor.Fill(ConstBytes(many.data(), many.size())), kIOReturnNoSpace);
    EXPECT_EQ(descriptor.SetLength(kPage + 1), kIOReturnNoSpace);
    EXPECT_EQ(LengthOf(descriptor), 8U);
    EXPECT_EQ(descriptor.Fill(ConstBytes(many.data(), kPage)), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(descriptor), kPage);
}

TEST_F(ToolkitPool, ThatClears_LendsZeros) {
    DescriptorPoolOptions options = factory_.Options(1);
    for (const bool clears : {false, true}) {
        options.clears = clears;
        ASSERT_EQ(pool_->Create(options), kIOReturnSuccess);
        {
            PooledDescriptor descriptor;
            ASSERT_EQ(pool_->Take(&descriptor, 1), kIOReturnSuccess);
            std::memset(descriptor.bytes().data, 0xff, kPage);
        }
        const PooledDescriptor again = Take();
        const uint8_t *data = again.bytes().data;
        EXPECT_EQ(std::count(data, data + kPage, clears ? 0x00 : 0xff), ptrdiff_t{kPage});
    }
}

TEST_F(ToolkitPool, DescriptorOutlivesItsPool) {
    ASSERT_EQ(pool_->Create(factory_.Options(8)), kIOReturnSuccess);
    PooledDescriptor first = Take();
    PooledDescriptor second = Take();
    Take();  // one that is back when the pool ends
    pool_.reset();
    EXPECT_EQ(TakeMemoryCensus().num_descriptors, before_.num_descriptors + 2);
    ASSERT_EQ(first.Fill(ConstBytes("still", 5)), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(first), 5U);
    second.Reset();
    EXPECT_EQ(TakeMemoryCensus().num_descriptors, before_.num_descriptors + 1);
}

TEST_F(ToolkitPool, Move_HandsTheLoanOn) {
    ASSERT_EQ(pool_->Create(factory_.Options(2)), kIOReturnSuccess);
    PooledDescriptor first = Take();
    const uint8_t *address = first.bytes().data;
    PooledDescriptor second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
    first = Take();
    first = std::move(second);
    EXPECT_EQ(first.bytes().data, address);
    const PooledDescriptor third = Take();
    PooledDescriptor fourth;
    EXPECT_EQ(pool_->Take(&fourth), kIOReturnNoResources);
}

TEST_F(ToolkitPool, FailingFactory_LosesNoPlace) {
    ASSERT_EQ(pool_->Create(factory_.Options(1)), kIOReturnSuccess);
    PooledDescriptor descriptor;
    factory_.result = kIOReturnNoBandwidth;
    EXPECT_EQ(pool_->Take(&descriptor), kIOReturnNoBandwidth);
    EXPECT_EQ(pool_->Take(&descriptor), kIOReturnNoBandwidth);
    EXPECT_FALSE(descriptor);
    factory_.result = kIOReturnSuccess;
    factory_.capacity = kPage - 1;
    EXPECT_EQ(pool_->Take(&descriptor), kIOReturnNoMemory);
    factory_.capacity = kPage;
    EXPECT_EQ(pool_->Take(&descriptor), kIOReturnSuccess);
}

TEST_F(ToolkitPool, FailingPrewarm_IsNoPool) {
    DescriptorPoolOptions options = factory_.Options(4);
    options.prewarmed_count = 2;
    factory_.result = kIOReturnNoMemory;
    EXPECT_EQ(pool_->Create(options), kIOReturnNoMemory);
    PooledDescriptor descriptor;
    EXPECT_EQ(pool_->Take(&descriptor), kIOReturnNotReady);
}

TEST_F(ToolkitPool, BadOptions_AreRefused) {
    DescriptorPoolOptions options = factory_.Options(0);
    EXPECT_EQ(pool_->Create(options), kIOReturnBadArgument);
    options.max_count = 0xffffffff;
    EXPECT_EQ(pool_->Create(options), kIOReturnBadArgument);
    options.max_count = 2;
    options.prewarmed_count = 3;
    EXPECT_EQ(pool_->Create(options), kIOReturnBadArgument);
    options.prewarmed_count = 0;
    options.capacity = 0;
    EXPECT_EQ(pool_->Create(options), kIOReturnBadArgument);
    // semantics.md 1.8: what Create refuses.
    DescriptorPoolOptions undirected;
    undirected.capacity = kPage;
    undirected.direction = 0x10;
    undirected.prewarmed_count = 1;
    EXPECT_EQ(pool_->Create(undirected), kIOReturnBadArgument);
}

// An ivars struct is made of zero bytes, and no constructor runs.
TEST_F(ToolkitPool, OfZeroBytes_IsEmpty) {
    alignas(DescriptorPool) unsigned char storage[sizeof(DescriptorPool)] = {};
    auto *pool = reinterpret_cast<DescriptorPool *>(storage);
    PooledDescriptor descriptor;
    EXPECT_EQ(pool->Take(&descriptor), kIOReturnNotReady);
    ASSERT_EQ(pool->Create(factory_.Options(1)), kIOReturnSuccess);
    EXPECT_EQ(pool->Take(&descriptor), kIOReturnSuccess);
    descriptor.Reset();
    pool->Reset();
}

}  // namespace
}  // namespace opendext::toolkit
