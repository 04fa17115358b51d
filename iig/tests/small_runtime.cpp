// SPDX-License-Identifier: Apache-2.0
// As much of a runtime as generated code needs to run in a test: objects, metaclasses, and calls that are
// delivered at once, or, one-way ones, when DeliverOneWayCalls is called.
#include "iig/tests/small_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <DriverKit/IOService.h>
#include <DriverKit/IOTimerDispatchSource.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSObject.h>
#include <DriverKit/OSString.h>

#include "runtime/object/api_call.h"

namespace {

struct PendingCall {
    OSObject *target;
    std::vector<char> frame;
    uint64_t method_id;
};

std::vector<PendingCall> &PendingCalls() {
    static std::vector<PendingCall> calls;
    return calls;
}

std::map<std::string, const OSClassLoadInformation *> &Classes() {
    static std::map<std::string, const OSClassLoadInformation *> classes;
    return classes;
}

int live_objects = 0;

kern_return_t Deliver(OSMetaClassBase *target, const IORPC rpc) {
    if ((rpc.frame->method->flags & kIORPCMethodOneWay) == 0) {
        return target->Dispatch(rpc);
    }
    const IORPCMethod *method = rpc.frame->method;
    const char *bytes = reinterpret_cast<const char *>(rpc.frame);
    PendingCall call{
        static_cast<OSObject *>(target), {bytes, bytes + method->frameSize}, rpc.methodID};
    if (method->retainArguments != nullptr) {
        method->retainArguments(reinterpret_cast<IORPCFrame *>(call.frame.data()));
    }
    call.target->retain();
    PendingCalls().push_back(std::move(call));
    return kIOReturnSuccess;
}

}  // namespace

namespace small_runtime {

void DeliverOneWayCalls() {
    std::vector<PendingCall> calls;
    calls.swap(PendingCalls());
    for (PendingCall &call : calls) {
        auto *frame = reinterpret_cast<IORPCFrame *>(call.frame.data());
        call.target->Dispatch(IORPC{frame, call.method_id});
        if (frame->method->releaseArguments != nullptr) {
            frame->method->releaseArguments(frame);
        }
        call.target->release();
    }
}

int LiveObjects() {
    return live_objects;
}

const OSClassDescription *FindClass(const char *name) {
    const auto found = Classes().find(name);
    return found == Classes().end() ? nullptr : found->second->description;
}

}  // namespace small_runtime

// Nobody watches here.
constinit std::atomic<opendext::object::ApiCallWatcher> opendext::object::g_api_call_watcher{
    nullptr};

// --- OSMetaClassBase, OSMetaClass

OSMetaClassBase::~OSMetaClassBase() = default;
bool OSMetaClassBase::isEqualTo(const OSMetaClassBase *other) const {
    return this == other;
}
kern_return_t OSMetaClassBase::Dispatch(const IORPC rpc) {
    return _Dispatch(this, rpc);
}
kern_return_t OSMetaClassBase::_Dispatch(OSMetaClassBase *, const IORPC) {
    return kIOReturnUnsupported;
}
kern_return_t OSMetaClassBase::Invoke(const IORPC rpc) {
    return Deliver(this, rpc);
}

OSMetaClassBase *OSMetaClassBase::safeMetaCast(const OSMetaClassBase *object,
                                               const OSMetaClass *metaclass) {
    const bool is_one = object != nullptr && object->getMetaClass()->isDerivedFrom(metaclass);
    return is_one ? const_cast<OSMetaClassBase *>(object) : nullptr;
}

OSMetaClass::~OSMetaClass() = default;

void OSMetaClass::registerClass(const OSClassLoadInformation *information, const void *) {
    information->instance->description_ = information->description;
    information->instance->super_ = information->superMetaClass;
    *information->metaClass = information->instance;
    Classes()[information->description->name] = information;
}

void OSMetaClass::unregisterClass(const OSClassLoadInformation *information) {
    *information->metaClass = nullptr;
}

bool OSMetaClass::isDerivedFrom(const OSMetaClass *other) const {
    for (const OSMetaClass *at = this; at != nullptr; at = at->getSuperClass()) {
        if (at == other) {
            return true;
        }
    }
    return false;
}

OSObject *OSMetaClass::alloc() const {
    void *storage = std::calloc(1, description_->instanceSize);
    auto *object = static_cast<OSObject *>(storage);
    if (const_cast<OSMetaClass *>(this)->New(object) != kIOReturnSuccess) {
        std::free(storage);
        return nullptr;
    }
    object->references = 1;
    ++live_objects;
    return object;
}

// --- The classes of tests/sdk

bool OSObject::init() {
    return true;
}
void OSObject::retain() const {
    ++references;
}

void OSObject::release() const {
    if (--references == 0) {
        const_cast<OSObject *>(this)->free();
    }
}

void OSObject::free() {
    this->~OSObject();
    std::free(this);
    --live_objects;
}

OSString *OSString::withCString(const char *text) {
    OSString *string = OSTypeAlloc(OSString);
    string->ivars = new OSString_IVars{strdup(text)};
    return string;
}

const char *OSString::getCStringNoCopy() const {
    return ivars->text;
}

void OSString::free() {
    std::free(const_cast<char *>(ivars->text));
    delete ivars;
    super::free();
}

kern_return_t IMPL(OSAction, CreateWithTypeName) {
    if (referenceSize != 0) {
        return kIOReturnNoSpace;
    }
    const auto found = Classes().find(typeName->getCStringNoCopy());
    *action = found == Classes().end()
                  ? nullptr
                  : OSDynamicCast(OSAction, (*found->second->metaClass)->alloc());
    if (*action == nullptr) {
        return kIOReturnNotFound;
    }
    (*action)->ivars = new OSAction_IVars{target, targetmsgid, msgid};
    return kIOReturnSuccess;
}

void OSAction::free() {
    delete ivars;
    super::free();
}

kern_return_t OSAction::Invoke(const IORPC rpc) {
    if (rpc.frame->method->id != ivars->method) {
        return kIOReturnBadArgument;
    }
    return Deliver(ivars->target, IORPC{rpc.frame, ivars->target_method});
}

kern_return_t IOTimerDispatchSource::Plain(int) {
    return kIOReturnSuccess;
}

bool IOService::init() {
    ivars = new IOService_IVars();
    return super::init();
}

void IOService::free() {
    delete ivars;
    super::free();
}

void IOService::Describe(char *text, size_t size) {
    snprintf(text, size, "%s", ivars->name);
}
bool IOService::IsReady() const {
    return ivars->starts > 0;
}

kern_return_t IMPL(IOService, Start) {
    ++ivars->starts;
    return provider == this ? kIOReturnBadArgument : kIOReturnSuccess;
}

kern_return_t IMPL(IOService, Stop) {
    return provider == nullptr ? kIOReturnSuccess : kIOReturnBusy;
}

kern_return_t IMPL(IOService, SetName) {
    if (strlen(name) >= sizeof(ivars->name)) {
        return kIOReturnInternalError;
    }
    memcpy(ivars->name, name, strlen(name) + 1);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOService, CopyName) {
    *name = OSString::withCString(ivars->name);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOService, SetDispatchQueue) {
    return name[0] != 0 && queue != nullptr ? kIOReturnSuccess : kIOReturnBadArgument;
}
