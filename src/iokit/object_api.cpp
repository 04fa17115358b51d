// SPDX-License-Identifier: Apache-2.0
// The C functions on io_object_t names and iterators.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <IOKit/IOKitLib.h>

#include "iokit/entry_access.h"
#include "iokit/registry_object.h"
#include "iokit/service_notification.h"
#include "iokit/session.h"
#include "iokit/text.h"

using opendext::channel::EntryId;
using opendext::iokit::EntryIterator;
using opendext::iokit::NotificationIterator;
using opendext::iokit::Session;

const mach_port_t kIOMainPortDefault = 0;
const mach_port_t kIOMasterPortDefault = 0;

kern_return_t IOMainPort(mach_port_t /*bootstrapPort*/, mach_port_t *mainPort) {
    *mainPort = kIOMainPortDefault;
    return kIOReturnSuccess;
}

kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t *mainPort) {
    return IOMainPort(bootstrapPort, mainPort);
}

kern_return_t IOObjectRelease(io_object_t object) {
    return Session::Current().objects().Release(object) ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IOObjectRetain(io_object_t object) {
    return Session::Current().objects().Retain(object) ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IOObjectGetClass(io_object_t object, io_name_t className) {
    const auto found = Session::Current().objects().FindAny(object);
    if (!found || className == nullptr) {
        return kIOReturnBadArgument;
    }
    return opendext::iokit::CopyText(found->ClassName(), className, sizeof(io_name_t));
}

CFStringRef IOObjectCopyClass(io_object_t object) {
    const auto found = Session::Current().objects().FindAny(object);
    return found ? opendext::iokit::CreateString(found->ClassName()) : nullptr;
}

boolean_t IOObjectConformsTo(io_object_t object, const io_name_t className) {
    const auto found = Session::Current().objects().FindAny(object);
    if (!found || className == nullptr) {
        return 0;
    }
    if (found->entry() == EntryId::kNone) {
        return found->ClassName() == className || std::strcmp(className, "OSObject") == 0;
    }
    const auto description = opendext::iokit::DescribeEntry(object);
    return description && std::ranges::find(description->class_ancestry, className) !=
                              description->class_ancestry.end();
}

boolean_t IOObjectIsEqualTo(io_object_t object, io_object_t anObject) {
    const auto left = Session::Current().objects().FindAny(object);
    const auto right = Session::Current().objects().FindAny(anObject);
    return left && left == right;
}

uint32_t IOObjectGetUserRetainCount(io_object_t object) {
    return Session::Current().objects().References(object);
}

uint32_t IOObjectGetRetainCount(io_object_t object) {
    return IOObjectGetUserRetainCount(object);
}

io_object_t IOIteratorNext(io_iterator_t iterator) {
    auto &objects = Session::Current().objects();
    EntryId next = EntryId::kNone;
    if (const auto list = objects.Find<EntryIterator>(iterator)) {
        next = list->Next();
    } else if (const auto notification = objects.Find<NotificationIterator>(iterator)) {
        next = notification->Next();
    }
    return next == EntryId::kNone ? IO_OBJECT_NULL : objects.InsertEntry(next);
}

void IOIteratorReset(io_iterator_t iterator) {
    if (const auto list = Session::Current().objects().Find<EntryIterator>(iterator)) {
        list->Reset();
    }
}

boolean_t IOIteratorIsValid(io_iterator_t iterator) {
    const auto &objects = Session::Current().objects();
    return objects.Find<EntryIterator>(iterator) || objects.Find<NotificationIterator>(iterator);
}
