// SPDX-License-Identifier: Apache-2.0
// semantics.md 4.8
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>

#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/object/object_census.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {
namespace {

TEST(Object, NewObject_HasOneReferenceAndZeroedStorage) {
    auto *object = OSTypeAlloc(OSObject);
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(ObjectInternals::References(object), 1u);
    EXPECT_TRUE(object->init());
    object->release();
}

void RetainAndReleaseOften(const OSObject *object) {
    for (int i = 0; i < 5000; ++i) {
        object->retain();
        object->release();
    }
}

TEST(Object, RetainAndRelease_CountAcrossThreads) {
    OSSharedPtr<OSObject> object(OSTypeAlloc(OSObject), OSNoRetain);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back(&RetainAndReleaseOften, object.get());
        }
    }
    EXPECT_EQ(ObjectInternals::References(object.get()), 1u);
}

TEST(Object, LastRelease_FreesAndTheCensusSeesIt) {
    const int64_t strings = LiveObjects("OSString");
    const int64_t total = TotalLiveObjects();
    OSString *string = OSString::withCString("here");
    EXPECT_EQ(LiveObjects("OSString"), strings + 1);
    EXPECT_EQ(TotalLiveObjects(), total + 1);
    EXPECT_NE(DescribeCensus().find("OSString"), std::string::npos);
    string->release();
    EXPECT_EQ(LiveObjects("OSString"), strings);
    EXPECT_EQ(LiveObjects("NoSuchClass"), 0);
}

TEST(ObjectDeathTest, ReleaseOfAnObjectThatIsBeingFreed_NamesClassAndAddress) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto *object = OSTypeAlloc(OSObject);
    ASSERT_TRUE(ObjectInternals::Drop(object));
    EXPECT_DEATH(object->release(),
                 "OSObject::release .object 0x[0-9a-f]+.: the object has 0 references");
    EXPECT_DEATH(object->retain(),
                 "OSObject::retain .object 0x[0-9a-f]+.: the object has 0 references");
    object->free();
}

TEST(Object, TryRetain_FailsAfterTheLastRelease) {
    auto *object = OSTypeAlloc(OSObject);
    EXPECT_TRUE(ObjectInternals::TryRetain(object));
    object->release();
    ASSERT_TRUE(ObjectInternals::Drop(object));
    EXPECT_FALSE(ObjectInternals::TryRetain(object));
    object->free();
}

TEST(MetaClass, DynamicCast_FollowsTheClassAndTakesNull) {
    OSSharedPtr<OSString> string(OSString::withCString("x"), OSNoRetain);
    OSObject *object = string.get();
    EXPECT_EQ(OSDynamicCast(OSString, object), string.get());
    EXPECT_EQ(OSDynamicCast(OSContainer, object), string.get());
    EXPECT_EQ(OSDynamicCast(OSData, object), nullptr);
    EXPECT_EQ(OSDynamicCast(OSData, static_cast<OSObject *>(nullptr)), nullptr);
    EXPECT_EQ(OSRequiredCast(OSString, object), string.get());
}

TEST(MetaClassDeathTest, RequiredCastToAnotherClass_NamesBoth) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    OSSharedPtr<OSString> string(OSString::withCString("x"), OSNoRetain);
    EXPECT_DEATH(static_cast<void>(OSRequiredCast(OSData, string.get())),
                 "OSString at .* is not a OSData");
}

TEST(MetaClass, Find_KnowsTheRuntimesClassesByName) {
    EXPECT_EQ(OSMetaClass::find("OSArray"), OSTypeID(OSArray));
    static const int here = 0;
    EXPECT_EQ(OSMetaClass::find("OSArray", &here), OSTypeID(OSArray));
    const int in_no_image = 0;
    EXPECT_EQ(OSMetaClass::find("OSArray", &in_no_image), nullptr);
    EXPECT_EQ(OSMetaClass::find("NoSuchClass"), nullptr);
    EXPECT_STREQ(OSTypeID(OSArray)->getSuperClass()->getClassName(), "OSCollection");
}

TEST(MetaClass, AbstractClass_IsNotAllocated) {
    EXPECT_EQ(OSTypeID(OSCollection)->alloc(), nullptr);
}

TEST(MetaClass, ObjectOfTheSystemsClass_IsRemote) {
    OSSharedPtr<OSString> string(OSString::withCString("a"), OSNoRetain);
    EXPECT_FALSE(string->IsRemote());
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("queue", 0, 0, &queue), kIOReturnSuccess);
    EXPECT_TRUE(queue->IsRemote());
    queue->release();
}

TEST(MetaClass, Allocate_MakesAnInstanceOfTheClass) {
    OSObject *object = nullptr;
    ASSERT_EQ(OSObjectAllocate(OSMTypeID(OSArray), &object), kIOReturnSuccess);
    EXPECT_EQ(OSTypeIDInst(object), OSTypeID(OSArray));
    EXPECT_TRUE(object->init());
    object->release();
    EXPECT_EQ(OSObjectAllocate(OSTypeID(OSCollection), &object), kIOReturnNoMemory);
    EXPECT_EQ(OSObjectAllocate(nullptr, &object), kIOReturnBadArgument);
    EXPECT_EQ(OSObjectAllocate(OSTypeID(OSArray), nullptr), kIOReturnBadArgument);
}

TEST(SharedPtr, ConstPtrCast_SharesTheObject) {
    const OSSharedPtr<const OSString> string(OSString::withCString("a"), OSNoRetain);
    const OSSharedPtr<OSString> cast = OSConstPtrCast<OSString>(string);
    EXPECT_EQ(cast.get(), string.get());
    EXPECT_EQ(string->getRetainCount(), 2u);
}

TEST(SharedPtr, Copies_ShareAndMovesHandOver) {
    OSSharedPtr<OSString> first(OSString::withCString("s"), OSNoRetain);
    OSString *raw = first.get();
    {
        OSSharedPtr<OSObject> second = first;
        EXPECT_EQ(ObjectInternals::References(raw), 2u);
        OSSharedPtr<OSObject> third = std::move(second);
        EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move): that it is empty is the contract
        EXPECT_EQ(ObjectInternals::References(raw), 2u);
        EXPECT_EQ(OSDynamicPtrCast<OSString>(third), first);
    }
    EXPECT_EQ(ObjectInternals::References(raw), 1u);
    first.reset(raw, OSRetain);
    EXPECT_EQ(ObjectInternals::References(raw), 1u);
    OSString *detached = first.detach();
    EXPECT_FALSE(first);
    first.attach(detached);
    EXPECT_TRUE(first == detached);
    *first.attach() = OSString::withCString("t");
    EXPECT_STREQ(first->getCStringNoCopy(), "t");
    first = nullptr;
    EXPECT_TRUE(first == nullptr);
}

TEST(Lib, ZeroedMemoryAndOverflow) {
    auto *numbers = IONewZero(uint64_t, 16);
    ASSERT_NE(numbers, nullptr);
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(numbers[i], 0u);
    }
    IOSafeDeleteNULL(numbers, uint64_t, 16);
    EXPECT_EQ(numbers, nullptr);
    EXPECT_EQ(IONew(uint64_t, SIZE_MAX / 4), nullptr);
    EXPECT_EQ(IOVMPageSize, 4096u);
}

TEST(Lib, Locks_ExcludeOtherThreads) {
    IOLock *lock = IOLockAlloc();
    IORecursiveLock *recursive = IORecursiveLockAlloc();
    IOLockLock(lock);
    IOLockAssert(lock, kIOLockAssertOwned);
    IORecursiveLockLock(recursive);
    IORecursiveLockLock(recursive);
    std::jthread([&] {
        EXPECT_FALSE(IOLockTryLock(lock));
        IOLockAssert(lock, kIOLockAssertNotOwned);
        EXPECT_FALSE(IORecursiveLockTryLock(recursive));
        EXPECT_FALSE(IORecursiveLockHaveLock(recursive));
    }).join();
    EXPECT_TRUE(IORecursiveLockHaveLock(recursive));
    IORecursiveLockUnlock(recursive);
    IORecursiveLockUnlock(recursive);
    EXPECT_FALSE(IORecursiveLockHaveLock(recursive));
    IOLockUnlock(lock);
    IOLockAssert(lock, kIOLockAssertNotOwned);
    EXPECT_TRUE(IOLockTryLock(lock));
    IOLockUnlock(lock);
    IORecursiveLockFree(recursive);
    IOLockFree(lock);
}

TEST(LibDeathTest, LockTakenTwice_SaysWhatToUse) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    IOLock *lock = IOLockAlloc();
    EXPECT_DEATH(
        {
            IOLockLock(lock);
            IOLockLock(lock);
        },
        "IOLockLock: .*IORecursiveLock");
    IOLockFree(lock);
}

TEST(Lib, ReaderLocks_AreShared) {
    IORWLock *lock = IORWLockAlloc();
    IORWLockRead(lock);
    std::jthread([&] {
        IORWLockRead(lock);
        IORWLockUnlock(lock);
    }).join();
    IORWLockUnlock(lock);
    IORWLockWrite(lock);
    IORWLockUnlock(lock);
    IORWLockFree(lock);
}

TEST(Lib, ByteOrder_SwapsAndReadsUnaligned) {
    EXPECT_EQ(OSSwapInt16(0x1234), 0x3412);
    EXPECT_EQ(OSSwapHostToBigInt32(0x11223344u), 0x44332211u);
    EXPECT_EQ(OSSwapHostToLittleInt64(7), 7u);
    const unsigned char bytes[] = {0, 1, 2, 3, 4};
    EXPECT_EQ(OSReadBigInt32(bytes, 1), 0x01020304u);
    EXPECT_EQ(OSReadLittleInt16(bytes, 3), 0x0403);
}

TEST(Lib, SleepAndDelay_LastAtLeastAsLong) {
    const uint64_t start = mach_absolute_time();
    IOSleep(2);
    IODelay(100);
    EXPECT_GE(mach_absolute_time() - start, 2'100'000u);
}

}  // namespace
}  // namespace opendext::object
