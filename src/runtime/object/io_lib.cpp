// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>

#include <os/log.h>

#include "base/interleaver.h"
#include "base/log.h"
#include "base/os_log.h"
#include "base/spin.h"
#include "runtime/object/api_call.h"

// A driver's constructors read it, so it is a constant. Linux on x86-64 and on most arm64 machines agrees.
extern "C" const uint64_t IOVMPageSize = 4096;

namespace {

// Whoever watches a driver's calls may let an allocation fail.
bool MayAllocate(const char *function, const void *return_address) {
    return opendext::object::AskApiCall("IOLib", function, return_address) == kIOReturnSuccess;
}

}  // namespace

void *IOMalloc(size_t size) {
    return MayAllocate("IOMalloc", __builtin_return_address(0)) ? std::malloc(size) : nullptr;
}

void *IOMallocZero(size_t size) {
    return MayAllocate("IOMallocZero", __builtin_return_address(0)) ? std::calloc(1, size)
                                                                    : nullptr;
}

void IOFree(void *address, size_t) {
    std::free(address);
}

void *IOMallocArray(size_t size, size_t count, bool zero) {
    size_t total = 0;
    if (__builtin_mul_overflow(size, count, &total) ||
        !MayAllocate("IOMallocArray", __builtin_return_address(0))) {
        return nullptr;
    }
    return zero ? std::calloc(1, total) : std::malloc(total);
}

void *IOMallocTyped(size_t size, malloc_type_id_t) {
    return MayAllocate("IOMallocTyped", __builtin_return_address(0)) ? std::malloc(size) : nullptr;
}

void *IOMallocZeroTyped(size_t size, malloc_type_id_t) {
    return MayAllocate("IOMallocZeroTyped", __builtin_return_address(0)) ? std::calloc(1, size)
                                                                         : nullptr;
}

void IOSleep(uint64_t milliseconds) {
    if (opendext::Interleaver::IsInForce() && opendext::Interleaver::IsMember()) {
        if (opendext::Interleaver::Rest()) {
            return;
        }
        // Who polls for what a thread outside does must not run out of tries at once.
        milliseconds = milliseconds == 0 ? 0 : 1;
    }
    constexpr uint64_t kMillisecondsPerSecond = 1000;
    constexpr long kNanosecondsPerMillisecond = 1'000'000;
    timespec rest{.tv_sec = static_cast<time_t>(milliseconds / kMillisecondsPerSecond),
                  .tv_nsec = static_cast<long>(milliseconds % kMillisecondsPerSecond) *
                             kNanosecondsPerMillisecond};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
}

void IODelay(uint64_t microseconds) {
    opendext::SpinUntil([] { return false; }, std::chrono::microseconds(microseconds));
}

int IOLogv(const char *format, va_list arguments) {
    return opendext::WriteOsLogLine(OS_LOG_DEFAULT, OS_LOG_TYPE_DEFAULT, format, arguments);
}

int IOLog(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = IOLogv(format, arguments);
    va_end(arguments);
    return length;
}

namespace {

[[noreturn]] void FailLock(const char *call, const void *lock, const char *reason) {
    opendext::LogError("{}: lock at {}: {}", call, lock, reason);
    std::abort();
}

// While threads take turns, nobody waits for a lock with the turn: its owner would never come to unlock it.
template <typename Lock>
int LockInTurn(Lock *lock, int (*wait_for)(Lock *), int (*try_to)(Lock *)) {
    using opendext::Interleaver;
    if (!Interleaver::IsInForce()) [[likely]] {
        return wait_for(lock);
    }
    Interleaver::Point();
    int result = try_to(lock);
    while (result == EBUSY && Interleaver::Instance().Yield()) {
        result = try_to(lock);
    }
    return result == EBUSY ? wait_for(lock) : result;
}

int LockMutex(pthread_mutex_t *mutex) {
    return LockInTurn(mutex, &pthread_mutex_lock, &pthread_mutex_trylock);
}

bool InitMutex(pthread_mutex_t *mutex, int type) {
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
        return false;
    }
    const bool ok = pthread_mutexattr_settype(&attributes, type) == 0 &&
                    pthread_mutex_init(mutex, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return ok;
}

template <typename Lock>
Lock *AllocateMutexLock(int type) {
    auto *lock = new (std::nothrow) Lock;
    if (lock != nullptr && !InitMutex(&lock->mutex, type)) {
        delete lock;
        return nullptr;
    }
    return lock;
}

}  // namespace

struct IOLock {
    pthread_mutex_t mutex;
};

IOLock *IOLockAlloc(void) {
    return AllocateMutexLock<IOLock>(PTHREAD_MUTEX_ERRORCHECK);
}

void IOLockFree(IOLock *lock) {
    if (lock == nullptr) {
        return;
    }
    if (pthread_mutex_destroy(&lock->mutex) != 0) {
        FailLock("IOLockFree", lock, "it is locked; unlock it first");
    }
    delete lock;
}

void IOLockLock(IOLock *lock) {
    if (LockMutex(&lock->mutex) != 0) {
        FailLock("IOLockLock", lock, "this thread holds it already; use an IORecursiveLock");
    }
}

bool IOLockTryLock(IOLock *lock) {
    return pthread_mutex_trylock(&lock->mutex) == 0;
}

void IOLockUnlock(IOLock *lock) {
    if (pthread_mutex_unlock(&lock->mutex) != 0) {
        FailLock("IOLockUnlock", lock, "this thread does not hold it");
    }
    opendext::Interleaver::Point();
}

void IOLockAssert(IOLock *lock, IOLockAssertState type) {
    // An error-checking mutex refuses its own holder with EDEADLK, and every other thread waits or succeeds.
    const int result = pthread_mutex_trylock(&lock->mutex);
    if (result == 0) {
        pthread_mutex_unlock(&lock->mutex);
    }
    const timespec past{};
    const bool owned = result == EBUSY && pthread_mutex_timedlock(&lock->mutex, &past) == EDEADLK;
    if (owned != (type == kIOLockAssertOwned)) {
        FailLock("IOLockAssert", lock,
                 owned ? "this thread holds it" : "this thread does not hold it");
    }
}

struct IORecursiveLock {
    pthread_mutex_t mutex;
    pthread_t owner;
    uint32_t depth;
};

IORecursiveLock *IORecursiveLockAlloc(void) {
    auto *lock = AllocateMutexLock<IORecursiveLock>(PTHREAD_MUTEX_RECURSIVE);
    if (lock != nullptr) {
        __atomic_store_n(&lock->owner, pthread_t{}, __ATOMIC_RELAXED);
        lock->depth = 0;
    }
    return lock;
}

void IORecursiveLockFree(IORecursiveLock *lock) {
    if (lock == nullptr) {
        return;
    }
    if (pthread_mutex_destroy(&lock->mutex) != 0) {
        FailLock("IORecursiveLockFree", lock, "it is locked; unlock it first");
    }
    delete lock;
}

void IORecursiveLockLock(IORecursiveLock *lock) {
    LockMutex(&lock->mutex);
    ++lock->depth;
    __atomic_store_n(&lock->owner, pthread_self(), __ATOMIC_RELAXED);
}

bool IORecursiveLockTryLock(IORecursiveLock *lock) {
    if (pthread_mutex_trylock(&lock->mutex) != 0) {
        return false;
    }
    ++lock->depth;
    __atomic_store_n(&lock->owner, pthread_self(), __ATOMIC_RELAXED);
    return true;
}

void IORecursiveLockUnlock(IORecursiveLock *lock) {
    if (!IORecursiveLockHaveLock(lock)) {
        FailLock("IORecursiveLockUnlock", lock, "this thread does not hold it");
    }
    if (--lock->depth == 0) {
        __atomic_store_n(&lock->owner, pthread_t{}, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock->mutex);
}

bool IORecursiveLockHaveLock(const IORecursiveLock *lock) {
    return pthread_equal(__atomic_load_n(&lock->owner, __ATOMIC_RELAXED), pthread_self()) != 0;
}

struct IORecursiveConditionLock : IORecursiveLock {};

IORecursiveConditionLock *IORecursiveConditionLockAlloc(void) {
    return AllocateMutexLock<IORecursiveConditionLock>(PTHREAD_MUTEX_RECURSIVE);
}

void IORecursiveConditionLockFree(IORecursiveConditionLock *lock) {
    if (lock != nullptr && pthread_mutex_destroy(&lock->mutex) != 0) {
        FailLock("IORecursiveConditionLockFree", lock, "it is locked; unlock it first");
    }
    delete lock;
}

void IORecursiveConditionLockLock(IORecursiveConditionLock *lock) {
    IORecursiveLockLock(lock);
}

bool IORecursiveConditionLockTryLock(IORecursiveConditionLock *lock) {
    return IORecursiveLockTryLock(lock);
}

void IORecursiveConditionLockUnlock(IORecursiveConditionLock *lock) {
    IORecursiveLockUnlock(lock);
}

bool IORecursiveConditionLockHaveLock(const IORecursiveConditionLock *lock) {
    return IORecursiveLockHaveLock(lock);
}

struct IORWLock {
    pthread_rwlock_t lock;
};

IORWLock *IORWLockAlloc(void) {
    auto *lock = new (std::nothrow) IORWLock;
    if (lock != nullptr && pthread_rwlock_init(&lock->lock, nullptr) != 0) {
        delete lock;
        return nullptr;
    }
    return lock;
}

void IORWLockFree(IORWLock *lock) {
    if (lock != nullptr) {
        pthread_rwlock_destroy(&lock->lock);
        delete lock;
    }
}

void IORWLockRead(IORWLock *lock) {
    if (LockInTurn(&lock->lock, &pthread_rwlock_rdlock, &pthread_rwlock_tryrdlock) != 0) {
        FailLock("IORWLockRead", lock, "this thread holds it for writing");
    }
}

void IORWLockWrite(IORWLock *lock) {
    if (LockInTurn(&lock->lock, &pthread_rwlock_wrlock, &pthread_rwlock_trywrlock) != 0) {
        FailLock("IORWLockWrite", lock, "this thread holds it already");
    }
}

void IORWLockUnlock(IORWLock *lock) {
    pthread_rwlock_unlock(&lock->lock);
}
