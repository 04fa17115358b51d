// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSObject.h>

#include <cstdlib>

#include <fmt/format.h>

#include "base/race_annotations.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/object/freed_objects.h"
#include "runtime/object/live_objects.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {
namespace {

// Beyond this a count is the result of a retain in a loop, or of an underflow.
constexpr uint32_t kMaxReferences = 0x7fffffff;

[[noreturn]] void FailCount(const OSObject *object, const char *call, uint32_t references) {
    diagnostics::Report({.id = diagnostics::DiagnosticId::kUsedAfterFree,
                         .class_name = object->getMetaClass()->getClassName(),
                         .object = object,
                         .method = call,
                         .place = diagnostics::CallSite::OfDriver(),
                         .level = LogLevel::kError},
                        fmt::format("the object has {} references", references),
                        references == 0
                            ? "it was released once too often, or is used after its free()"
                            : "look for a retain without its release, or a call of free()");
    std::abort();
}

/// A release of the last reference that this thread is in. The object counts as live until its free() has returned, which
/// may be code of a driver: that is unloaded when none of its objects is left.
class LastRelease {
public:
    explicit LastRelease(const OSObject *object)
        : object_(object), meta_class_(object->getMetaClass()), outer_(t_innermost) {
        t_innermost = this;
    }
    ~LastRelease() {
        t_innermost = outer_;
        if (is_destroyed_) {
            MetaClassInternals::CountObject(meta_class_, -1);
        }
    }
    LastRelease(const LastRelease &) = delete;
    LastRelease &operator=(const LastRelease &) = delete;

    /// @return false when this thread is in no release of it.
    static bool NoteDestroyed(const OSObject *object) {
        LastRelease *release = t_innermost;
        while (release != nullptr && release->object_ != object) {
            release = release->outer_;
        }
        if (release == nullptr) {
            return false;
        }
        release->is_destroyed_ = true;
        return true;
    }

private:
    static thread_local LastRelease *t_innermost;

    const OSObject *const object_;
    const OSMetaClass *const meta_class_;
    LastRelease *const outer_;
    bool is_destroyed_ = false;
};

thread_local LastRelease *LastRelease::t_innermost = nullptr;

}  // namespace

ObjectAttachment *ObjectInternals::Attachment(const OSObject *object) {
    return static_cast<ObjectAttachment *>(
        __atomic_load_n(&object->opendext_attachment_, __ATOMIC_ACQUIRE));
}

ObjectAttachment *ObjectInternals::Attach(OSObject *object, ObjectAttachment *attachment) {
    void *present = nullptr;
    if (__atomic_compare_exchange_n(&object->opendext_attachment_, &present,
                                    static_cast<void *>(attachment), false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return attachment;
    }
    return static_cast<ObjectAttachment *>(present);
}

bool ObjectInternals::TryRetain(const OSObject *object) {
    uint32_t references = __atomic_load_n(&object->opendext_references_, __ATOMIC_RELAXED);
    while (references != 0) {
        if (__atomic_compare_exchange_n(&object->opendext_references_, &references, references + 1,
                                        true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

bool ObjectInternals::DropUnlessLast(const OSObject *object) {
    HandOver(object);
    uint32_t references = __atomic_load_n(&object->opendext_references_, __ATOMIC_RELAXED);
    while (references > 1) {
        if (__atomic_compare_exchange_n(&object->opendext_references_, &references, references - 1,
                                        true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

uint32_t ObjectInternals::References(const OSObject *object) {
    return __atomic_load_n(&object->opendext_references_, __ATOMIC_RELAXED);
}

void ObjectInternals::StartCounting(OSObject *object) {
    __atomic_store_n(&object->opendext_references_, 1, __ATOMIC_RELAXED);
}

void ObjectInternals::Retain(const OSObject *object) {
    const uint32_t before = __atomic_fetch_add(&object->opendext_references_, 1, __ATOMIC_RELAXED);
    if (before == 0 || before >= kMaxReferences) {
        FailCount(object, "retain", before);
    }
}

bool ObjectInternals::Drop(const OSObject *object) {
    HandOver(object);
    const uint32_t before = __atomic_fetch_sub(&object->opendext_references_, 1, __ATOMIC_ACQ_REL);
    if (before == 0 || before > kMaxReferences) {
        FailCount(object, "release", before);
    }
    if (before != 1) {
        return false;
    }
    TakeOver(object);
    return true;
}

void ObjectInternals::Destroy(OSObject *object) {
    if (const uint32_t references = References(object); references != 0) {
        FailCount(object, "free", references);
    }
    const OSMetaClass *const meta_class = object->getMetaClass();
    delete Attachment(object);
    NoteGone(object);
    const EndingObject ending = BeginEnd(object);
    object->~OSObject();
    EndStorage(object, ending);
    if (!LastRelease::NoteDestroyed(object)) {
        MetaClassInternals::CountObject(meta_class, -1);
    }
}

}  // namespace opendext::object

using opendext::object::ObjectInternals;

bool OSObject::init() {
    return true;
}

void OSObject::free() {
    ObjectInternals::Destroy(this);
}

void OSObject::retain() const {
    ObjectInternals::Retain(this);
    opendext::object::NoteRetained(this, __builtin_return_address(0));
}

void OSObject::release() const {
    if (ObjectInternals::Drop(this)) {
        const opendext::object::LastRelease last(this);
        const_cast<OSObject *>(this)->free();
    }
}
