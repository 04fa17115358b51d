// SPDX-License-Identifier: Apache-2.0
/// @file api_call.h
/// Where every call of a framework method that can fail passes, before it is carried out: what iig makes of the
/// frameworks asks here. A test harness watches, to refuse the n-th call or to let another thread run first.
#pragma once

#include <atomic>

#include <DriverKit/IOReturn.h>

namespace opendext::object {

/// A call that is about to be made.
struct ApiCall {
    const char *class_name;      ///< "IOBufferMemoryDescriptor"
    const char *method_name;     ///< "Create"
    const void *return_address;  ///< In whoever calls: a driver, or OpenDext itself.
};

/// @return kIOReturnSuccess: the call is made; else it is not, and this is its result. On the caller's thread.
using ApiCallWatcher = kern_return_t (*)(const ApiCall &call);

/// The watcher in force; NULL: none. Calls of a former one may still be running after it has been replaced.
extern std::atomic<ApiCallWatcher> g_api_call_watcher;

/// Costs one relaxed load while nobody watches. Any thread.
inline kern_return_t AskApiCall(const char *class_name, const char *method_name,
                                const void *return_address) {
    const ApiCallWatcher watcher = g_api_call_watcher.load(std::memory_order_relaxed);
    if (watcher == nullptr) [[likely]] {
        return kIOReturnSuccess;
    }
    return watcher(
        {.class_name = class_name, .method_name = method_name, .return_address = return_address});
}

/// Whether the address lies in a driver: an image other than the runtime's that has classes.
[[nodiscard]] bool IsDriverCode(const void *address);

}  // namespace opendext::object
