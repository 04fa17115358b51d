// SPDX-License-Identifier: Apache-2.0
// The C functions that find services and tell of them.
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <IOKit/IOKitLib.h>

#include "base/log.h"
#include "iokit/corefoundation/property_conversion.h"
#include "iokit/entry_access.h"
#include "iokit/registry_object.h"
#include "iokit/service_notification.h"
#include "iokit/session.h"
#include "iokit/text.h"

namespace {

using namespace opendext;         // NOLINT(google-build-using-namespace)
using namespace opendext::iokit;  // NOLINT(google-build-using-namespace)
using channel::NotificationKind;

CFMutableDictionaryRef CreateMatching(CFStringRef key, CFTypeRef value) {
    if (value == nullptr) {
        return nullptr;
    }
    CFMutableDictionaryRef dictionary = CFDictionaryCreateMutable(
        kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFDictionarySetValue(dictionary, key, value);
    CFRelease(value);
    return dictionary;
}

CFMutableDictionaryRef CreateMatchingText(CFStringRef key, const char *text) {
    return text == nullptr ? nullptr : CreateMatching(key, CreateString(text));
}

// Takes over the caller's reference, as every function with a matching dictionary does.
std::optional<PropertyValue> ConsumeMatching(CFDictionaryRef matching) {
    if (matching == nullptr) {
        return std::nullopt;
    }
    auto value = cf::ToPropertyValue(matching);
    CFRelease(matching);
    if (!value) {
        LogError("matching dictionary: {}", value.error());
        return std::nullopt;
    }
    return *std::move(value);
}

std::expected<std::vector<channel::EntryId>, kern_return_t> FindServices(CFDictionaryRef matching) {
    const auto value = ConsumeMatching(matching);
    if (!value) {
        return std::unexpected(kIOReturnBadArgument);
    }
    const auto directory = Session::Current().directory();
    if (!directory) {
        return std::unexpected(kIOReturnNotReady);
    }
    return directory->Find(*value);
}

std::optional<NotificationKind> KindOf(const char *type) {
    struct Named {
        const char *type;
        NotificationKind kind;
    };
    static constexpr Named kKinds[] = {
        {kIOPublishNotification, NotificationKind::kPublish},
        {kIOFirstPublishNotification, NotificationKind::kFirstPublish},
        {kIOMatchedNotification, NotificationKind::kMatched},
        {kIOFirstMatchNotification, NotificationKind::kFirstMatch},
        {kIOTerminatedNotification, NotificationKind::kTerminate},
        {kIOWillTerminateNotification, NotificationKind::kWillTerminate},
    };
    for (const Named &named : kKinds) {
        if (type != nullptr && std::strcmp(type, named.type) == 0) {
            return named.kind;
        }
    }
    return std::nullopt;
}

}  // namespace

CFMutableDictionaryRef IOServiceMatching(const char *name) {
    return CreateMatchingText(CFSTR(kIOProviderClassKey), name);
}

CFMutableDictionaryRef IOServiceNameMatching(const char *name) {
    return CreateMatchingText(CFSTR(kIONameMatchKey), name);
}

CFMutableDictionaryRef IOBSDNameMatching(mach_port_t /*mainPort*/, uint32_t /*options*/,
                                         const char *bsdName) {
    return CreateMatchingText(CFSTR(kIOBSDNameKey), bsdName);
}

CFMutableDictionaryRef IORegistryEntryIDMatching(uint64_t entryID) {
    return CreateMatching(CFSTR(kIORegistryEntryIDKey),
                          CFNumberCreate(kCFAllocatorDefault, kCFNumberSInt64Type, &entryID));
}

io_service_t IOServiceGetMatchingService(mach_port_t /*mainPort*/, CFDictionaryRef matching) {
    const auto services = FindServices(matching);
    if (!services || services->empty()) {
        return IO_OBJECT_NULL;
    }
    return Session::Current().objects().InsertEntry(services->front());
}

kern_return_t IOServiceGetMatchingServices(mach_port_t /*mainPort*/, CFDictionaryRef matching,
                                           io_iterator_t *existing) {
    auto services = FindServices(matching);
    if (existing == nullptr) {
        return kIOReturnBadArgument;
    }
    *existing = IO_OBJECT_NULL;
    if (!services) {
        return services.error();
    }
    if (!services->empty()) {
        *existing = MakeIterator(*std::move(services));
    }
    return kIOReturnSuccess;
}

kern_return_t IOServiceMatchPropertyTable(io_service_t service, CFDictionaryRef matching,
                                          boolean_t *matches) {
    const auto access = FindEntry(service);
    if (!access || matching == nullptr || matches == nullptr) {
        return access ? kIOReturnBadArgument : access.error();
    }
    auto value = cf::ToPropertyValue(matching);
    if (!value || value->IfDictionary() == nullptr) {
        return kIOReturnBadArgument;
    }
    const auto found = access->directory->Find(*value);
    if (!found) {
        return found.error();
    }
    *matches = 0;
    for (const channel::EntryId entry : *found) {
        if (entry == access->entry) {
            *matches = 1;
        }
    }
    return kIOReturnSuccess;
}

kern_return_t IOServiceAddMatchingNotification(IONotificationPortRef notifyPort,
                                               const io_name_t notificationType,
                                               CFDictionaryRef matching,
                                               IOServiceMatchingCallback callback, void *refCon,
                                               io_iterator_t *notification) {
    const auto value = ConsumeMatching(matching);
    const auto kind = KindOf(notificationType);
    if (!value || notifyPort == nullptr || callback == nullptr || notification == nullptr) {
        return kIOReturnBadArgument;
    }
    *notification = IO_OBJECT_NULL;
    if (!kind) {
        return kIOReturnUnsupported;
    }
    Session &session = Session::Current();
    const auto directory = session.directory();
    if (!directory) {
        return kIOReturnNotReady;
    }
    const auto watch = directory->WatchServices(*kind, *value, &session.router());
    if (!watch) {
        return watch.error();
    }
    auto iterator = std::make_shared<NotificationIterator>(
        notifyPort->port, NotificationIterator::Callback{.function = callback, .refcon = refCon});
    *notification = session.objects().Insert(iterator);
    iterator->Attach(*notification, watch->id, watch->existing);
    session.router().AddWatch(watch->id, std::weak_ptr(iterator));
    return kIOReturnSuccess;
}

kern_return_t IOServiceAddInterestNotification(IONotificationPortRef notifyPort,
                                               io_service_t service, const io_name_t interestType,
                                               IOServiceInterestCallback callback, void *refCon,
                                               io_object_t *notification) {
    const auto access = FindEntry(service);
    if (!access) {
        return access.error();
    }
    if (notifyPort == nullptr || callback == nullptr || notification == nullptr ||
        interestType == nullptr) {
        return kIOReturnBadArgument;
    }
    *notification = IO_OBJECT_NULL;
    if (std::strcmp(interestType, kIOGeneralInterest) != 0) {
        return kIOReturnUnsupported;
    }
    Session &session = Session::Current();
    const auto watch = access->directory->WatchInterest(access->entry, &session.router());
    if (!watch) {
        return watch.error();
    }
    auto interest = std::make_shared<InterestObject>(
        notifyPort->port,
        InterestObject::Callback{.function = callback, .refcon = refCon, .service = service});
    interest->Attach(*watch);
    *notification = session.objects().Insert(interest);
    session.router().AddWatch(*watch, std::weak_ptr(interest));
    return kIOReturnSuccess;
}

kern_return_t IOServiceGetBusyState(io_service_t service, uint32_t *busyState) {
    const auto description = DescribeEntry(service);
    if (!description || busyState == nullptr) {
        return description ? kIOReturnBadArgument : description.error();
    }
    *busyState = description->busy_state;
    return kIOReturnSuccess;
}

IONotificationPortRef IONotificationPortCreate(mach_port_t /*mainPort*/) {
    auto *handle = new IONotificationPort{NotificationPort::Create()};
    Session::Current().router().AddPort(handle->port);
    return handle;
}

void IONotificationPortDestroy(IONotificationPortRef notify) {
    if (notify == nullptr) {
        return;
    }
    Session::Current().router().RemovePort(notify->port->name());
    notify->port->Destroy();
    delete notify;
}

CFRunLoopSourceRef IONotificationPortGetRunLoopSource(IONotificationPortRef notify) {
    return notify == nullptr ? nullptr : notify->port->run_loop_source();
}

mach_port_t IONotificationPortGetMachPort(IONotificationPortRef notify) {
    return notify == nullptr ? MACH_PORT_NULL : notify->port->name();
}

void IONotificationPortSetDispatchQueue(IONotificationPortRef notify, dispatch_queue_t queue) {
    if (notify != nullptr) {
        notify->port->SetDispatchQueue(queue);
    }
}
