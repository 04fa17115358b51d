// SPDX-License-Identifier: Apache-2.0
// IOLib.h: what runs once, and values of each thread.
#include <DriverKit/IOLib.h>

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <limits>
#include <mutex>

#include "base/race_annotations.h"

namespace {

enum : intptr_t { kNotYet, kRunning, kDone };

// One for all flags: who runs a block does not hold it.
struct OnceWait {
    std::mutex mutex;
    std::condition_variable done;
};

OnceWait &Wait() {
    static auto *wait = new OnceWait;
    return *wait;
}

bool IsKey(uint64_t key) {
    return key <= std::numeric_limits<pthread_key_t>::max();
}

}  // namespace

void IOCallOnce(IOCallOnceFlag *flag, IOCallOnceBlock block) {
    const std::atomic_ref<intptr_t> state(flag->opaque);
    if (state.load(std::memory_order_acquire) == kDone) {
        opendext::TakeOver(flag);
        return;
    }
    intptr_t expected = kNotYet;
    if (state.compare_exchange_strong(expected, kRunning)) {
        block();
        opendext::HandOver(flag);
        const std::lock_guard lock(Wait().mutex);
        state.store(kDone, std::memory_order_release);
        Wait().done.notify_all();
        return;
    }
    std::unique_lock lock(Wait().mutex);
    Wait().done.wait(lock, [&state] { return state.load(std::memory_order_acquire) == kDone; });
}

kern_return_t IOThreadLocalStorageKeyCreate(uint64_t *key) {
    pthread_key_t made = 0;
    if (key == nullptr) {
        return kIOReturnBadArgument;
    }
    if (pthread_key_create(&made, nullptr) != 0) {
        return kIOReturnNoMemory;
    }
    *key = made;
    return kIOReturnSuccess;
}

kern_return_t IOThreadLocalStorageKeyDelete(uint64_t key) {
    return IsKey(key) && pthread_key_delete(static_cast<pthread_key_t>(key)) == 0
               ? kIOReturnSuccess
               : kIOReturnBadArgument;
}

kern_return_t IOThreadLocalStorageSet(uint64_t key, const void *value) {
    const int error =
        IsKey(key) ? pthread_setspecific(static_cast<pthread_key_t>(key), value) : EINVAL;
    if (error != 0) {
        return error == EINVAL ? kIOReturnBadArgument : kIOReturnNoMemory;
    }
    return kIOReturnSuccess;
}

void *IOThreadLocalStorageGet(uint64_t key) {
    return IsKey(key) ? pthread_getspecific(static_cast<pthread_key_t>(key)) : nullptr;
}
