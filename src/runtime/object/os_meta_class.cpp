// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSMetaClass.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_set>
#include <vector>

#include "base/log.h"
#include "runtime/object/class_registry.h"
#include "runtime/object/live_objects.h"
#include "runtime/object/object_header.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {
namespace {

struct MethodEntry {
    uint64_t id;
    const OSMethodDescription *description;
};

/// The methods of a class and its bases, the nearest implementation of each, by id.
using MethodTable = std::vector<MethodEntry>;

MethodTable *MakeMethodTable(const OSMetaClass *meta_class) {
    auto *table = new MethodTable;
    std::unordered_set<uint64_t> seen;
    for (; meta_class != nullptr; meta_class = meta_class->getSuperClass()) {
        const OSClassDescription &description = meta_class->description();
        for (uint32_t i = 0; i < description.methodCount; ++i) {
            const OSMethodDescription &method = description.methods[i];
            if (seen.insert(method.id).second) {
                table->push_back({.id = method.id, .description = &method});
            }
        }
    }
    std::ranges::sort(*table, {}, &MethodEntry::id);
    return table;
}

// Method tables of unloaded images: a late call may still look into one.
void KeepForEver(void *table) {
    static std::mutex mutex;
    static auto *kept = new std::vector<void *>;
    const std::lock_guard lock(mutex);
    kept->push_back(table);
}

}  // namespace

void MetaClassInternals::Register(const OSClassLoadInformation *information,
                                  const void *image_start) {
    OSMetaClass *instance = information->instance;
    instance->description_ = information->description;
    instance->super_ = information->superMetaClass;
    instance->image_ = image_start;
    *information->metaClass = instance;
}

int64_t MetaClassInternals::LiveObjects(const OSMetaClass *meta_class) {
    return __atomic_load_n(&meta_class->live_objects_, __ATOMIC_ACQUIRE);
}

void MetaClassInternals::CountObject(const OSMetaClass *meta_class, int64_t change) {
    __atomic_fetch_add(&meta_class->live_objects_, change, __ATOMIC_RELEASE);
}

const OSMethodDescription *MetaClassInternals::FindMethod(const OSMetaClass *meta_class,
                                                          uint64_t method_id) {
    void *published = __atomic_load_n(&meta_class->method_table_, __ATOMIC_ACQUIRE);
    if (published == nullptr) {
        MethodTable *made = MakeMethodTable(meta_class);
        if (__atomic_compare_exchange_n(&meta_class->method_table_, &published,
                                        static_cast<void *>(made), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            published = made;
            KeepForEver(made);
        } else {
            delete made;
        }
    }
    const auto *table = static_cast<const MethodTable *>(published);
    const auto found = std::ranges::lower_bound(*table, method_id, {}, &MethodEntry::id);
    return found != table->end() && found->id == method_id ? found->description : nullptr;
}

// Classes of tests are in the runtime's own image, where they cannot be told from the system's.
static bool IsOfDriver(const OSMetaClass &meta_class) {
    static const void *const own_image = ImageStart(reinterpret_cast<const void *>(&KeepForEver));
    return MetaClassInternals::Image(&meta_class) != own_image;
}

const OSMetaClass *FindClassBeside(const char *class_name, const OSMetaClass *meta_class) {
    return ClassRegistry::Instance().Find(class_name, MetaClassInternals::Image(meta_class));
}

}  // namespace opendext::object

using opendext::object::ClassRegistry;
using opendext::object::MetaClassInternals;
using opendext::object::ObjectHeader;
using opendext::object::ObjectInternals;

OSMetaClassBase::~OSMetaClassBase() = default;

const char *OSMetaClassBase::GetClassName() const {
    return getMetaClass()->getClassName();
}

const OSMetaClass *OSMetaClassBase::GetClass() {
    return getMetaClass();
}

bool OSMetaClassBase::IsRemote() const {
    return (getMetaClass()->description().flags & kOSClassKernel) != 0;
}

uint32_t OSMetaClassBase::getRetainCount() const {
    // All objects are OSObjects.
    return opendext::object::ObjectInternals::References(static_cast<const OSObject *>(this));
}

bool OSMetaClassBase::isEqualTo(const OSMetaClassBase *anObject) const {
    return this == anObject;
}

kern_return_t OSMetaClassBase::Dispatch(const IORPC rpc) {
    return _Dispatch(this, rpc);
}

kern_return_t OSMetaClassBase::_Dispatch(OSMetaClassBase *, const IORPC) {
    return kIOReturnUnsupported;
}

#pragma clang section text = "opendext_call_driver"
OSMetaClassBase *OSMetaClassBase::safeMetaCast(const OSMetaClassBase *object,
                                               const OSMetaClass *metaClass) {
    if (object == nullptr || !object->getMetaClass()->isDerivedFrom(metaClass)) {
        return nullptr;
    }
    return const_cast<OSMetaClassBase *>(object);
}
#pragma clang section text = ""

OSMetaClassBase *OSMetaClassBase::requiredMetaCast(const OSMetaClassBase *object,
                                                   const OSMetaClass *metaClass) {
    if (object != nullptr && !object->getMetaClass()->isDerivedFrom(metaClass)) {
        opendext::LogError(
            "OSRequiredCast: {} at {} is not a {}; use OSDynamicCast where it may be another class",
            object->getMetaClass()->getClassName(), fmt::ptr(object), metaClass->getClassName());
        std::abort();
    }
    return const_cast<OSMetaClassBase *>(object);
}

OSMetaClass::~OSMetaClass() = default;

bool OSMetaClass::isDerivedFrom(const OSMetaClass *other) const {
    for (const OSMetaClass *meta_class = this; meta_class != nullptr;
         meta_class = meta_class->getSuperClass()) {
        if (meta_class == other) {
            return true;
        }
    }
    return false;
}

OSObject *OSMetaClass::alloc() const {
    void *storage = std::calloc(1, sizeof(ObjectHeader) + description_->instanceSize);
    if (storage == nullptr) {
        return nullptr;
    }
    OSObject *object = (new (storage) ObjectHeader)->object();
    if (const_cast<OSMetaClass *>(this)->New(object) != kIOReturnSuccess) {
        std::free(storage);
        return nullptr;
    }
    ObjectInternals::StartCounting(object);
    MetaClassInternals::CountObject(this, 1);
    opendext::object::NoteMade(object, opendext::object::IsOfDriver(*this));
    return object;
}

kern_return_t OSObjectAllocate(const OSMetaClass *meta, OSObject **pObject) {
    if (meta == nullptr || pObject == nullptr) {
        return kIOReturnBadArgument;
    }
    *pObject = meta->alloc();
    return *pObject != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}

const OSMethodDescription *OSMetaClass::findMethod(uint64_t methodID) const {
    return MetaClassInternals::FindMethod(this, methodID);
}

void OSMetaClass::registerClass(const OSClassLoadInformation *information, const void *image) {
    const void *image_start = opendext::object::ImageStart(image);
    MetaClassInternals::Register(information, image_start);
    ClassRegistry::Instance().Add(information, image_start);
}

void OSMetaClass::unregisterClass(const OSClassLoadInformation *information) {
    ClassRegistry::Instance().Remove(information);
}

const OSMetaClass *OSMetaClass::find(const char *className, const void *imageAddress) {
    static const char runtime_image = 0;
    const void *address = imageAddress != nullptr ? imageAddress : &runtime_image;
    return ClassRegistry::Instance().Find(className, opendext::object::ImageStart(address));
}
