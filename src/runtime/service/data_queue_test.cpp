// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/data_queue.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace opendext::service {
namespace {

constexpr uint32_t kRingBytes = 64;

class DataQueueTest : public testing::Test {
protected:
    // Fills an entry with `value`. @return the status of FindRoom.
    kern_return_t Put(uint32_t num_bytes, int value, bool *must_tell = nullptr) {
        const auto room = queue_.FindRoom(num_bytes);
        if (!room) {
            return room.error();
        }
        std::memset(room->data.data(), value, room->data.size());
        const bool was_empty = queue_.Push(*room);
        if (must_tell != nullptr) {
            *must_tell = was_empty;
        }
        return kIOReturnSuccess;
    }

    // The bytes of the next entry, taken off; their count alone tells an error.
    std::string Take() {
        const auto front = queue_.Front();
        if (!front) {
            return front.error() == kIOReturnUnderrun ? "empty" : "error";
        }
        std::string bytes(reinterpret_cast<const char *>(front->data.data()), front->data.size());
        queue_.Pop(*front);
        return bytes;
    }

    void Write(size_t offset, uint32_t value) {
        std::memcpy(reinterpret_cast<std::byte *>(words_.data()) + offset, &value, sizeof value);
    }

    std::vector<uint32_t> words_ =
        std::vector<uint32_t>((DataQueue::kHeaderBytes + kRingBytes) / 4);
    DataQueue queue_{std::as_writable_bytes(std::span(words_))};
};

TEST_F(DataQueueTest, Entries_ComeInTheirOrderWithTheirSizes) {
    EXPECT_EQ(Put(3, 'a'), kIOReturnSuccess);
    EXPECT_EQ(Put(0, 'b'), kIOReturnSuccess);
    EXPECT_EQ(Put(5, 'c'), kIOReturnSuccess);
    EXPECT_EQ(Take(), "aaa");
    EXPECT_EQ(Take(), "");
    EXPECT_EQ(Take(), "ccccc");
    EXPECT_EQ(Take(), "empty");
}

TEST_F(DataQueueTest, OnlyAnEntryToAnEmptyQueue_IsToBeToldOf) {
    bool must_tell = false;
    EXPECT_EQ(Put(4, 'a', &must_tell), kIOReturnSuccess);
    EXPECT_TRUE(must_tell);
    EXPECT_EQ(Put(4, 'b', &must_tell), kIOReturnSuccess);
    EXPECT_FALSE(must_tell);
}

TEST_F(DataQueueTest, EmptyRing_TakesAnEntryOfItsWholeSize) {
    EXPECT_EQ(Put(kRingBytes - DataQueue::kEntryHeaderBytes, 'a'), kIOReturnSuccess);
    EXPECT_EQ(Put(0, 'b'), kIOReturnOverrun);
    EXPECT_EQ(Take().size(), kRingBytes - DataQueue::kEntryHeaderBytes);
}

TEST_F(DataQueueTest, EntryLargerThanTheRing_HasNoRoom) {
    EXPECT_EQ(Put(kRingBytes, 'a'), kIOReturnOverrun);
    EXPECT_EQ(Put(0xFFFFFFFF, 'a'), kIOReturnOverrun);
}

TEST_F(DataQueueTest, EntryThatDoesNotFitInFrontOfTheEnd_LiesAtTheBeginning) {
    // For every place that the end of the ring can have relative to an entry.
    for (uint32_t size = 0; size <= 24; ++size) {
        for (int i = 0; i < 40; ++i) {
            ASSERT_EQ(Put(size, 'a' + i % 26), kIOReturnSuccess) << size << " " << i;
            ASSERT_EQ(Put(4, 'z'), kIOReturnSuccess) << size << " " << i;
            ASSERT_EQ(Take(), std::string(size, static_cast<char>('a' + i % 26)));
            ASSERT_EQ(Take(), "zzzz");
        }
    }
}

TEST_F(DataQueueTest, CheckRoom_SaysHowManyEntriesFit) {
    for (uint32_t size = 0; size <= 40; ++size) {
        for (uint32_t wanted = 0; wanted <= 20; ++wanted) {
            const bool has_room = queue_.CheckRoom(size, wanted) == kIOReturnSuccess;
            uint32_t num_put = 0;
            while (num_put < wanted && Put(size, 'a') == kIOReturnSuccess) {
                ++num_put;
            }
            ASSERT_EQ(has_room, num_put == wanted) << size << " " << wanted;
            for (; num_put != 0; --num_put) {
                ASSERT_EQ(Take().size(), size);
            }
        }
    }
}

TEST_F(DataQueueTest, OffsetsOutsideTheRing_AreAnError) {
    for (const uint32_t offset : {kRingBytes + 4, 2U, 0xFFFFFFFFU, 0x80000000U}) {
        Write(0, offset);
        EXPECT_EQ(Take(), "error");
        EXPECT_EQ(Put(1, 'a'), kIOReturnError);
        EXPECT_EQ(queue_.CheckRoom(1, 1), kIOReturnError);
        Write(0, 0);
        Write(4, offset);
        EXPECT_EQ(Put(1, 'a'), kIOReturnError);
        Write(4, 0);
    }
}

TEST_F(DataQueueTest, SizeThatReachesBeyondTheRing_IsAnError) {
    ASSERT_EQ(Put(4, 'a'), kIOReturnSuccess);
    for (const uint32_t size : {kRingBytes, 0xFFFFFFFFU, 0xFFFFFFFCU}) {
        Write(DataQueue::kHeaderBytes, size);
        EXPECT_EQ(Take(), "error");
    }
}

TEST_F(DataQueueTest, TwoThreads_LoseAndMixNothing) {
    constexpr uint32_t kNumEntries = 20000;
    std::thread producer([this] {
        for (uint32_t number = 0; number < kNumEntries;) {
            const auto room = queue_.FindRoom(4 + number % 7);
            if (!room) {
                std::this_thread::yield();
                continue;
            }
            std::memset(room->data.data(), 0, room->data.size());
            std::memcpy(room->data.data(), &number, sizeof number);
            (void)queue_.Push(*room);
            ++number;
        }
    });
    for (uint32_t expected = 0; expected < kNumEntries;) {
        const auto front = queue_.Front();
        if (!front) {
            EXPECT_EQ(front.error(), kIOReturnUnderrun);
            std::this_thread::yield();
            continue;
        }
        uint32_t number = 0;
        std::memcpy(&number, front->data.data(), sizeof number);
        EXPECT_EQ(number, expected);
        EXPECT_EQ(front->data.size(), 4 + expected % 7);
        queue_.Pop(*front);
        ++expected;
    }
    producer.join();
    EXPECT_TRUE(queue_.IsEmpty());
}

}  // namespace
}  // namespace opendext::service
