// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOWorkGroup.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <utility>

#include "base/event_link.h"
#include "base/real_time_thread.h"
#include "runtime/memory/retained.h"
#include "runtime/service/client_links.h"

using opendext::EventLink;
using opendext::service::ClientLink;

struct IOWorkGroup_IVars {
    std::shared_ptr<ClientLink> link;

    std::mutex mutex;
    std::set<std::thread::id> members;  // guarded by mutex
};

namespace {

/// What Join leaves in the driver's memory. Copied from and to there, which may not be aligned.
struct JoinToken {
    std::thread::id thread;
    opendext::ThreadSchedule before;
};

}  // namespace

bool IOWorkGroup::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOWorkGroup_IVars;
    return ivars != nullptr;
}

void IOWorkGroup::free() {
    if (ivars != nullptr && ivars->link != nullptr) {
        ivars->link->End();
    }
    delete std::exchange(ivars, nullptr);
    super::free();
}

kern_return_t IOWorkGroup::Create_Impl(OSString *name, IOUserClient *userClient,
                                       IOWorkGroup **workgroup) {
    if (workgroup == nullptr) {
        return kIOReturnBadArgument;
    }
    *workgroup = nullptr;
    auto link = opendext::service::MakeLink(userClient, opendext::LinkKind::kWorkGroup, name);
    if (!link) {
        return link.error();
    }
    opendext::memory::Retained<IOWorkGroup> made(OSTypeAlloc(IOWorkGroup));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    made->ivars->link = *std::move(link);
    *workgroup = made.release();
    return kIOReturnSuccess;
}

size_t IOWorkGroup::GetTokenSize() {
    return sizeof(JoinToken);
}

kern_return_t IOWorkGroup::Join(void *token) {
    if (token == nullptr) {
        return kIOReturnBadArgument;
    }
    const std::shared_ptr<EventLink> given = ivars->link->Get();
    if (given == nullptr || given->is_cancelled()) {
        return given == nullptr ? kIOReturnNotReady : kIOReturnAborted;
    }
    JoinToken made;
    made.thread = std::this_thread::get_id();
    {
        const std::lock_guard lock(ivars->mutex);
        if (!ivars->members.insert(made.thread).second) {
            return kIOReturnBadArgument;
        }
    }
    made.before = opendext::EnterRealTime();
    std::memcpy(token, &made, sizeof made);
    return kIOReturnSuccess;
}

kern_return_t IOWorkGroup::Leave(void *token) {
    if (token == nullptr) {
        return kIOReturnBadArgument;
    }
    JoinToken made;
    std::memcpy(&made, token, sizeof made);
    {
        const std::lock_guard lock(ivars->mutex);
        if (made.thread != std::this_thread::get_id() || ivars->members.erase(made.thread) == 0) {
            return kIOReturnBadArgument;
        }
    }
    opendext::LeaveRealTime(made.before);
    return kIOReturnSuccess;
}

kern_return_t IOWorkGroup::Invalidate() {
    ivars->link->End();
    return kIOReturnSuccess;
}
