// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/api_call.h"

#include "runtime/object/class_registry.h"

namespace opendext::object {

std::atomic<ApiCallWatcher> g_api_call_watcher{nullptr};

bool IsDriverCode(const void *address) {
    static const char kHere = 0;
    const void *image = ImageStart(address);
    return image != ImageStart(&kHere) && ClassRegistry::Instance().HasClassesOf(image);
}

}  // namespace opendext::object
