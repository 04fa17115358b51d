// SPDX-License-Identifier: Apache-2.0
// The C functions on registry entries.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <IOKit/IOKitLib.h>

#include "iokit/corefoundation/property_conversion.h"
#include "iokit/entry_access.h"
#include "iokit/registry_path.h"
#include "iokit/registry_walk.h"
#include "iokit/session.h"
#include "iokit/text.h"

namespace {

using namespace opendext;         // NOLINT(google-build-using-namespace)
using namespace opendext::iokit;  // NOLINT(google-build-using-namespace)
using channel::EntryId;

// The bytes that IORegistryEntryGetProperty gives for a value; empty for containers.
std::vector<uint8_t> BytesOf(const PropertyValue &value) {
    if (const auto *data = value.IfData()) {
        return *data;
    }
    if (const auto *flag = value.IfBool()) {
        const char *text = *flag ? "Yes" : "No";
        return {text, text + std::strlen(text) + 1};
    }
    if (const auto *text = value.IfString()) {
        return {text->c_str(), text->c_str() + text->size() + 1};
    }
    if (const auto *integer = value.IfInteger()) {
        const size_t num_bytes = integer->num_bits > 32 ? 8 : 4;
        std::vector<uint8_t> bytes(num_bytes);
        std::memcpy(bytes.data(), &integer->value, num_bytes);
        return bytes;
    }
    return {};
}

kern_return_t FirstOf(const std::expected<std::vector<EntryId>, kern_return_t> &entries,
                      io_registry_entry_t *first) {
    if (first == nullptr) {
        return kIOReturnBadArgument;
    }
    *first = IO_OBJECT_NULL;
    if (!entries || entries->empty()) {
        return entries ? kIOReturnNoDevice : entries.error();
    }
    *first = Session::Current().objects().InsertEntry(entries->front());
    return kIOReturnSuccess;
}

kern_return_t IteratorOf(std::expected<std::vector<EntryId>, kern_return_t> entries,
                         io_iterator_t *iterator) {
    if (iterator == nullptr) {
        return kIOReturnBadArgument;
    }
    *iterator = IO_OBJECT_NULL;
    if (!entries) {
        return entries.error();
    }
    *iterator = MakeIterator(*std::move(entries));
    return kIOReturnSuccess;
}

}  // namespace

io_registry_entry_t IORegistryGetRootEntry(mach_port_t /*mainPort*/) {
    const auto directory = Session::Current().directory();
    const EntryId root = directory ? directory->Root() : EntryId::kNone;
    return root == EntryId::kNone ? IO_OBJECT_NULL : Session::Current().objects().InsertEntry(root);
}

io_registry_entry_t IORegistryEntryFromPath(mach_port_t /*mainPort*/, const io_string_t path) {
    const auto directory = Session::Current().directory();
    if (!directory || path == nullptr) {
        return IO_OBJECT_NULL;
    }
    const auto entry = FindByPath(*directory, path);
    return entry ? Session::Current().objects().InsertEntry(*entry) : IO_OBJECT_NULL;
}

kern_return_t IORegistryCreateIterator(mach_port_t /*mainPort*/, const io_name_t plane,
                                       IOOptionBits options, io_iterator_t *iterator) {
    const auto directory = Session::Current().directory();
    if (!directory || plane == nullptr) {
        return directory ? kIOReturnBadArgument : kIOReturnNotReady;
    }
    return IteratorOf(Walk(*directory, directory->Root(), options), iterator);
}

kern_return_t IORegistryEntryCreateIterator(io_registry_entry_t entry, const io_name_t plane,
                                            IOOptionBits options, io_iterator_t *iterator) {
    const auto access = FindEntry(entry);
    if (!access || plane == nullptr) {
        return access ? kIOReturnBadArgument : access.error();
    }
    return IteratorOf(Walk(*access->directory, access->entry, options), iterator);
}

kern_return_t IORegistryEntryGetName(io_registry_entry_t entry, io_name_t name) {
    const auto description = DescribeEntry(entry);
    return description ? CopyText(description->name, name, sizeof(io_name_t)) : description.error();
}

kern_return_t IORegistryEntryGetNameInPlane(io_registry_entry_t entry, const io_name_t /*plane*/,
                                            io_name_t name) {
    return IORegistryEntryGetName(entry, name);
}

kern_return_t IORegistryEntryGetLocationInPlane(io_registry_entry_t entry,
                                                const io_name_t /*plane*/, io_name_t location) {
    const auto description = DescribeEntry(entry);
    if (!description) {
        return description.error();
    }
    return description->location.empty()
               ? kIOReturnNotFound
               : CopyText(description->location, location, sizeof(io_name_t));
}

kern_return_t IORegistryEntryGetPath(io_registry_entry_t entry, const io_name_t plane,
                                     io_string_t path) {
    const auto access = FindEntry(entry);
    if (!access || plane == nullptr) {
        return access ? kIOReturnBadArgument : access.error();
    }
    const auto text = PathOf(*access->directory, access->entry, plane);
    return text ? CopyText(*text, path, sizeof(io_string_t)) : text.error();
}

CFStringRef IORegistryEntryCopyPath(io_registry_entry_t entry, const io_name_t plane) {
    const auto access = FindEntry(entry);
    if (!access || plane == nullptr) {
        return nullptr;
    }
    const auto text = PathOf(*access->directory, access->entry, plane);
    return text ? CreateString(*text) : nullptr;
}

kern_return_t IORegistryEntryGetRegistryEntryID(io_registry_entry_t entry, uint64_t *entryID) {
    const auto access = FindEntry(entry);
    if (!access || entryID == nullptr) {
        return access ? kIOReturnBadArgument : access.error();
    }
    *entryID = std::to_underlying(access->entry);
    return kIOReturnSuccess;
}

kern_return_t IORegistryEntryCreateCFProperties(io_registry_entry_t entry,
                                                CFMutableDictionaryRef *properties,
                                                CFAllocatorRef /*allocator*/,
                                                IOOptionBits /*options*/) {
    const auto access = FindEntry(entry);
    if (!access || properties == nullptr) {
        return access ? kIOReturnBadArgument : access.error();
    }
    *properties = nullptr;
    const auto value = access->directory->Properties(access->entry);
    if (!value) {
        return value.error();
    }
    *properties = static_cast<CFMutableDictionaryRef>(const_cast<void *>(cf::CreateObject(*value)));
    return kIOReturnSuccess;
}

CFTypeRef IORegistryEntryCreateCFProperty(io_registry_entry_t entry, CFStringRef key,
                                          CFAllocatorRef allocator, IOOptionBits /*options*/) {
    return IORegistryEntrySearchCFProperty(entry, kIOServicePlane, key, allocator, 0);
}

CFTypeRef IORegistryEntrySearchCFProperty(io_registry_entry_t entry, const io_name_t /*plane*/,
                                          CFStringRef key, CFAllocatorRef /*allocator*/,
                                          IOOptionBits options) {
    const auto access = FindEntry(entry);
    if (!access || key == nullptr) {
        return nullptr;
    }
    std::vector<EntryId> entries = {access->entry};
    if ((options & kIORegistryIterateRecursively) != 0) {
        const auto more = Walk(*access->directory, access->entry, options);
        if (more) {
            entries.insert(entries.end(), more->begin(), more->end());
        }
    }
    const std::string name = TextOf(key);
    for (const EntryId candidate : entries) {
        if (const auto value = access->directory->Property(candidate, name)) {
            return cf::CreateObject(*value);
        }
    }
    return nullptr;
}

kern_return_t IORegistryEntryGetProperty(io_registry_entry_t entry, const io_name_t propertyName,
                                         io_struct_inband_t buffer, uint32_t *size) {
    const auto access = FindEntry(entry);
    if (!access || propertyName == nullptr || buffer == nullptr || size == nullptr) {
        return access ? kIOReturnBadArgument : access.error();
    }
    const auto value = access->directory->Property(access->entry, propertyName);
    if (!value) {
        return kIOReturnNoResources;
    }
    const std::vector<uint8_t> bytes = BytesOf(*value);
    if (bytes.empty() && value->IfData() == nullptr) {
        return kIOReturnBadArgument;
    }
    if (bytes.size() > std::min<size_t>(*size, sizeof(io_struct_inband_t))) {
        return kIOReturnIPCError;
    }
    std::ranges::copy(bytes, buffer);
    *size = static_cast<uint32_t>(bytes.size());
    return kIOReturnSuccess;
}

kern_return_t IORegistryEntrySetCFProperties(io_registry_entry_t entry, CFTypeRef /*properties*/) {
    const auto access = FindEntry(entry);
    return access ? kIOReturnUnsupported : access.error();
}

kern_return_t IORegistryEntrySetCFProperty(io_registry_entry_t entry, CFStringRef /*propertyName*/,
                                           CFTypeRef property) {
    return IORegistryEntrySetCFProperties(entry, property);
}

kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry, const io_name_t plane,
                                              io_iterator_t *iterator) {
    return IORegistryEntryCreateIterator(entry, plane, 0, iterator);
}

kern_return_t IORegistryEntryGetChildEntry(io_registry_entry_t entry, const io_name_t /*plane*/,
                                           io_registry_entry_t *child) {
    const auto access = FindEntry(entry);
    return access ? FirstOf(access->directory->Children(access->entry), child) : access.error();
}

kern_return_t IORegistryEntryGetParentIterator(io_registry_entry_t entry, const io_name_t plane,
                                               io_iterator_t *iterator) {
    return IORegistryEntryCreateIterator(entry, plane, kIORegistryIterateParents, iterator);
}

kern_return_t IORegistryEntryGetParentEntry(io_registry_entry_t entry, const io_name_t /*plane*/,
                                            io_registry_entry_t *parent) {
    const auto access = FindEntry(entry);
    return access
               ? FirstOf(Walk(*access->directory, access->entry, kIORegistryIterateParents), parent)
               : access.error();
}

boolean_t IORegistryEntryInPlane(io_registry_entry_t entry, const io_name_t plane) {
    return FindEntry(entry) && plane != nullptr && std::strcmp(plane, kIOServicePlane) == 0;
}
