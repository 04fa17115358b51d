// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

TEST(Crc32, KnownSums_ComeOutAlsoInPieces) {
    EXPECT_EQ(crc32(0, "123456789", 9), 0xCBF43926U);
    EXPECT_EQ(crc32(crc32(0, "1234", 4), "56789", 5), 0xCBF43926U);
    EXPECT_EQ(crc32(0, nullptr, 0), 0U);
}

TEST(Fixed, ProductsAndQuotients_HaveSixteenBitsBehindThePoint) {
    constexpr IOFixed kOne = 1 << 16;
    EXPECT_EQ(IOFixedMultiply(3 * kOne, kOne / 2), 3 * kOne / 2);
    EXPECT_EQ(IOFixedDivide(3 * kOne, 2 * kOne), 3 * kOne / 2);
    EXPECT_EQ(IOFixedMultiply(-kOne, kOne / 4), -kOne / 4);
}

TEST(CallOnce, ManyThreads_RunItOnceAndWaitForIt) {
    static IOCallOnceFlag flag;
    static std::atomic<int> runs;
    static std::atomic<int> value;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            IOCallOnce(&flag, ^{
                ++runs;
                IOSleep(1);
                value = 7;
            });
            EXPECT_EQ(value, 7);
        });
    }
    threads.clear();
    EXPECT_EQ(runs, 1);
}

TEST(ThreadLocalStorage, EachThread_HasItsOwnValue) {
    uint64_t key = 0;
    ASSERT_EQ(IOThreadLocalStorageKeyCreate(&key), kIOReturnSuccess);
    EXPECT_EQ(IOThreadLocalStorageGet(key), nullptr);
    int mine = 0;
    ASSERT_EQ(IOThreadLocalStorageSet(key, &mine), kIOReturnSuccess);
    std::jthread([key] { EXPECT_EQ(IOThreadLocalStorageGet(key), nullptr); }).join();
    EXPECT_EQ(IOThreadLocalStorageGet(key), &mine);
    EXPECT_EQ(IOThreadLocalStorageKeyDelete(key), kIOReturnSuccess);
}

TEST(ThreadLocalStorage, KeyThatIsNone_IsABadArgument) {
    constexpr uint64_t kNone = uint64_t{1} << 40;
    EXPECT_EQ(IOThreadLocalStorageKeyCreate(nullptr), kIOReturnBadArgument);
    EXPECT_EQ(IOThreadLocalStorageSet(kNone, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(IOThreadLocalStorageKeyDelete(kNone), kIOReturnBadArgument);
    EXPECT_EQ(IOThreadLocalStorageGet(kNone), nullptr);
}

TEST(ConditionLock, OwnerMayTakeItAgain) {
    IORecursiveConditionLock *lock = IORecursiveConditionLockAlloc();
    ASSERT_NE(lock, nullptr);
    IORecursiveConditionLockLock(lock);
    EXPECT_TRUE(IORecursiveConditionLockTryLock(lock));
    std::jthread([lock] {
        EXPECT_FALSE(IORecursiveConditionLockTryLock(lock));
        EXPECT_FALSE(IORecursiveConditionLockHaveLock(lock));
    }).join();
    IORecursiveConditionLockUnlock(lock);
    EXPECT_TRUE(IORecursiveConditionLockHaveLock(lock));
    IORecursiveConditionLockUnlock(lock);
    std::jthread([lock] {
        EXPECT_TRUE(IORecursiveConditionLockTryLock(lock));
        IORecursiveConditionLockUnlock(lock);
    }).join();
    IORecursiveConditionLockFree(lock);
}

TEST(FreeZero, Variable_IsNullAfterwards) {
    IOLock *lock = IOLockAlloc();
    IOLockFreeZero(lock);
    EXPECT_EQ(lock, nullptr);
    IORWLock *shared = IORWLockAlloc();
    IORWLockFreeZero(shared);
    EXPECT_EQ(shared, nullptr);
    IORecursiveLock *recursive = IORecursiveLockAlloc();
    IORecursiveLockFreeZero(recursive);
    EXPECT_EQ(recursive, nullptr);
}

TEST(Random, Bytes_DifferEachTime) {
    std::vector<uint8_t> first(64);
    std::vector<uint8_t> second(64);
    read_random(first.data(), first.size());
    read_random(second.data(), second.size());
    EXPECT_NE(first, second);
}

// The kernel's command line is what it is: names that are never there.
TEST(BootArguments, NameThatIsNotThere_IsNotFound) {
    uint64_t number = 3;
    char text[8] = "kept";
    EXPECT_FALSE(IOParseBootArgNumber("opendext_no_such_argument", &number, sizeof number));
    EXPECT_FALSE(IOParseBootArgString("opendext_no_such_argument", text, sizeof text));
    EXPECT_FALSE(IOParseBootArgNumber("", &number, sizeof number));
    EXPECT_EQ(number, 3U);
    EXPECT_STREQ(text, "kept");
}

TEST(TypedMemory, IsFreedAsAnyOther) {
    auto *bytes = static_cast<uint8_t *>(IOMallocZeroTyped(16, 0));
    ASSERT_NE(bytes, nullptr);
    EXPECT_EQ(bytes[15], 0);
    IOFree(bytes, 16);
    void *other = IOMallocTyped(16, 7);
    EXPECT_NE(other, nullptr);
    IOFree(other, 16);
}

TEST(PanicDeathTest, EndsTheProcessWithItsLine) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(panic("out of %s", "paper"), "out of paper");
}

}  // namespace
