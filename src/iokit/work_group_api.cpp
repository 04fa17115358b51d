// SPDX-License-Identifier: Apache-2.0
// The C functions of <os/workgroup.h>.
#include <os/workgroup.h>

#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/event_link.h"
#include "base/log.h"
#include "base/real_time_thread.h"
#include "iokit/os_object.h"
#include "iokit/session.h"

using opendext::EventLink;
using opendext::LinkKind;
using opendext::iokit::LinkPort;
using opendext::iokit::OsObject;
using opendext::iokit::Session;

namespace {

using Destructor = os_workgroup_working_arena_destructor_t;

/// A working arena and who uses which part. Guarded by the work group's mutex.
struct WorkingArena {
    void *memory = nullptr;
    Destructor destructor = nullptr;
    std::vector<bool> used_parts;
};

}  // namespace

struct os_workgroup_s final : OsObject {
    explicit os_workgroup_s(std::shared_ptr<EventLink> link) : link(std::move(link)) {}
    ~os_workgroup_s() override {
        if (arena.destructor != nullptr) {
            arena.destructor(arena.memory);
        }
    }

    /// Tells by its cancellation alone; all that have the work group share it.
    const std::shared_ptr<EventLink> link;
    std::mutex mutex;
    uint32_t num_members = 0;  // guarded by mutex, as the arena
    WorkingArena arena;
};

namespace {

/// The calling thread's membership.
struct Membership {
    os_workgroup_t group = nullptr;
    os_workgroup_join_token_t token = nullptr;
    opendext::ThreadSchedule before;
    std::optional<os_workgroup_index> part;
};

thread_local Membership this_thread;

constexpr uint32_t kJoined = 0x6a6f696e;

os_workgroup_t Make(std::shared_ptr<EventLink> link) {
    return new (std::nothrow) os_workgroup_s(std::move(link));
}

std::optional<os_workgroup_index> TakePartLocked(WorkingArena &arena) {
    for (size_t i = 0; i < arena.used_parts.size(); ++i) {
        if (!arena.used_parts[i]) {
            arena.used_parts[i] = true;
            return static_cast<os_workgroup_index>(i);
        }
    }
    return std::nullopt;
}

}  // namespace

os_workgroup_parallel_t os_workgroup_parallel_create(const char * /*name*/,
                                                     os_workgroup_attr_t attr) {
    if (attr != nullptr && attr->sig != _OS_WORKGROUP_ATTR_SIG_DEFAULT_INIT) {
        errno = EINVAL;
        return nullptr;
    }
    auto link = EventLink::Create();
    if (!link) {
        errno = link.error();
        return nullptr;
    }
    return Make(*std::move(link));
}

int os_workgroup_copy_port(os_workgroup_t wg, mach_port_t *port) {
    if (wg == nullptr || port == nullptr) {
        return EINVAL;
    }
    *port = Session::Current().objects().Insert(
        std::make_shared<LinkPort>(LinkKind::kWorkGroup, wg->link));
    return 0;
}

os_workgroup_t os_workgroup_create_with_port(const char * /*name*/, mach_port_t port) {
    const auto named = Session::Current().objects().Find<LinkPort>(port);
    return named != nullptr && named->kind() == LinkKind::kWorkGroup ? Make(named->link())
                                                                     : nullptr;
}

os_workgroup_t os_workgroup_create_with_workgroup(const char * /*name*/, os_workgroup_t wg) {
    return wg == nullptr ? nullptr : Make(wg->link);
}

int os_workgroup_join(os_workgroup_t wg, os_workgroup_join_token_t token) {
    if (wg == nullptr || token == nullptr || wg->link->is_cancelled()) {
        return EINVAL;
    }
    if (this_thread.group != nullptr) {
        return EALREADY;
    }
    {
        const std::lock_guard lock(wg->mutex);
        ++wg->num_members;
        this_thread.part = TakePartLocked(wg->arena);
    }
    wg->Retain();
    this_thread.group = wg;
    this_thread.token = token;
    this_thread.before = opendext::EnterRealTime();
    *token = {};
    token->sig = kJoined;
    return 0;
}

void os_workgroup_leave(os_workgroup_t wg, os_workgroup_join_token_t token) {
    if (wg == nullptr || token == nullptr || this_thread.group != wg ||
        this_thread.token != token || token->sig != kJoined) {
        opendext::LogError(
            "os_workgroup_leave: this thread has not joined that work group with that token; leave "
            "on the thread "
            "that joined, with the same token");
        std::abort();
    }
    const Membership left = std::exchange(this_thread, {});
    token->sig = 0;
    opendext::LeaveRealTime(left.before);
    {
        const std::lock_guard lock(wg->mutex);
        --wg->num_members;
        if (left.part && *left.part < wg->arena.used_parts.size()) {
            wg->arena.used_parts[*left.part] = false;
        }
    }
    wg->Release();
}

int os_workgroup_set_working_arena(os_workgroup_t wg, void *arena, uint32_t maxWorkers,
                                   os_workgroup_working_arena_destructor_t destructor) {
    if (wg == nullptr) {
        return EINVAL;
    }
    WorkingArena old;
    {
        const std::lock_guard lock(wg->mutex);
        if (wg->num_members != 0) {
            return EBUSY;
        }
        old = std::exchange(wg->arena, {.memory = arena,
                                        .destructor = destructor,
                                        .used_parts = std::vector<bool>(maxWorkers)});
    }
    if (old.destructor != nullptr) {
        old.destructor(old.memory);
    }
    return 0;
}

void *os_workgroup_get_working_arena(os_workgroup_t wg, os_workgroup_index *index) {
    if (wg == nullptr || this_thread.group != wg || !this_thread.part) {
        return nullptr;
    }
    if (index != nullptr) {
        *index = *this_thread.part;
    }
    const std::lock_guard lock(wg->mutex);
    return wg->arena.memory;
}

void os_workgroup_cancel(os_workgroup_t wg) {
    if (wg != nullptr) {
        wg->link->Cancel();
    }
}

bool os_workgroup_testcancel(os_workgroup_t wg) {
    return wg != nullptr && wg->link->is_cancelled();
}

int os_workgroup_max_parallel_threads(os_workgroup_t wg, os_workgroup_mpt_attr_t attr) {
    cpu_set_t usable;
    if (wg == nullptr || attr != nullptr) {
        errno = EINVAL;
        return -1;
    }
    return sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
}
