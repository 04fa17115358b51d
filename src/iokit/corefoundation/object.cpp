// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/object.h"

#include <CoreFoundation/CFDate.h>
#include <CoreFoundation/CFString.h>

#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "iokit/corefoundation/string.h"

using opendext::cf::AsObject;
using opendext::cf::ClassInfo;
using opendext::cf::kImmortalReferences;
using opendext::cf::Misuse;
using opendext::cf::Object;

namespace {

constexpr ClassInfo kAllocatorClass = {
    "CFAllocator", opendext::cf::kTypeAllocator, nullptr, nullptr, nullptr, nullptr};
constexpr ClassInfo kNullClass = {"CFNull", opendext::cf::kTypeNull, nullptr, nullptr, nullptr,
                                  nullptr};

constexpr std::array kTypeNames = {
    "CFType", "CFAllocator", "CFNull",       "CFString",  "CFBoolean",       "CFNumber",
    "CFData", "CFArray",     "CFDictionary", "CFRunLoop", "CFRunLoopSource", "CFRunLoopTimer",
};

const Object &Checked(const char *function, CFTypeRef reference) {
    if (reference == nullptr) {
        Misuse(function,
               "the object is NULL; check what the call that should have made it returned");
    }
    return *AsObject(reference);
}

}  // namespace

struct __CFAllocator : Object {
    constexpr __CFAllocator() : Object(kAllocatorClass, 0, kImmortalReferences) {}
};
struct __CFNull : Object {
    constexpr __CFNull() : Object(kNullClass, 0, kImmortalReferences) {}
};

namespace {
constinit const __CFAllocator system_allocator;
constinit const __CFAllocator malloc_allocator;
constinit const __CFAllocator null_allocator;
constinit const __CFNull null_object;
}  // namespace

constinit const CFAllocatorRef kCFAllocatorDefault = nullptr;
constinit const CFAllocatorRef kCFAllocatorSystemDefault = &system_allocator;
constinit const CFAllocatorRef kCFAllocatorMalloc = &malloc_allocator;
constinit const CFAllocatorRef kCFAllocatorMallocZone = &malloc_allocator;
constinit const CFAllocatorRef kCFAllocatorNull = &null_allocator;
constinit const CFNullRef kCFNull = &null_object;
const CFTimeInterval kCFAbsoluteTimeIntervalSince1970 = 978307200.0;
const CFTimeInterval kCFAbsoluteTimeIntervalSince1904 = 3061152000.0;

namespace opendext::cf {

void AbortMisuse(const char *function, const std::string &text) {
    fmt::print(stderr, "CoreFoundation: {}: {}\n", function, text);
    std::abort();
}

void CheckType(const char *function, CFTypeRef reference, CFTypeID type) {
    const Object &object = Checked(function, reference);
    if (object.class_info->id != type) {
        Misuse(function, "expected a {}, got a {}; compare CFGetTypeID before the call",
               kTypeNames[type], object.class_info->name);
    }
}

void CheckMutable(const char *function, const Object &object) {
    if ((object.flags & kObjectIsMutable) == 0) {
        Misuse(function, "this {} is immutable; make it with CreateMutable or CreateMutableCopy",
               object.class_info->name);
    }
}

void CheckRange(const char *function, CFRange range, CFIndex count) {
    if (range.location < 0 || range.length < 0 || range.location > count ||
        range.length > count - range.location) {
        Misuse(function, "range {{{}, {}}} is outside of the {} elements", range.location,
               range.length, count);
    }
}

void CheckLength(const char *function, CFIndex length) {
    if (length < 0 || length > kLengthLimit) {
        Misuse(function, "length {} is not between 0 and {}", length, kLengthLimit);
    }
}

CFHashCode HashBytes(const void *bytes, std::size_t num_bytes) {
    constexpr CFHashCode kOffset = 0xcbf29ce484222325;
    constexpr CFHashCode kPrime = 0x100000001b3;
    CFHashCode hash = kOffset;
    for (std::size_t i = 0; i < num_bytes; ++i) {
        hash = (hash ^ static_cast<const unsigned char *>(bytes)[i]) * kPrime;
    }
    return hash;
}

std::string Describe(CFTypeRef reference) {
    if (reference == nullptr) {
        return "(null)";
    }
    const Object &object = *AsObject(reference);
    std::string text = fmt::format("<{} {}>", object.class_info->name, reference);
    if (object.class_info->describe != nullptr) {
        text += object.class_info->describe(&object);
    }
    return text;
}

}  // namespace opendext::cf

CFTypeID CFAllocatorGetTypeID(void) {
    return opendext::cf::kTypeAllocator;
}

CFAllocatorRef CFAllocatorGetDefault(void) {
    return kCFAllocatorSystemDefault;
}

CFTypeID CFNullGetTypeID(void) {
    return opendext::cf::kTypeNull;
}

CFTypeRef CFRetain(CFTypeRef cf) {
    const Object &object = Checked(__func__, cf);
    if (object.references.load(std::memory_order_relaxed) != kImmortalReferences) {
        object.references.fetch_add(1, std::memory_order_relaxed);
    }
    return cf;
}

void CFRelease(CFTypeRef cf) {
    const Object &object = Checked(__func__, cf);
    if (object.references.load(std::memory_order_relaxed) == kImmortalReferences) {
        return;
    }
    if (object.references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        object.class_info->destroy(&object);
    }
}

CFIndex CFGetRetainCount(CFTypeRef cf) {
    const std::uint32_t references =
        Checked(__func__, cf).references.load(std::memory_order_relaxed);
    return references == kImmortalReferences ? LONG_MAX : static_cast<CFIndex>(references);
}

CFTypeID CFGetTypeID(CFTypeRef cf) {
    return Checked(__func__, cf).class_info->id;
}

CFStringRef CFCopyTypeIDDescription(CFTypeID type_id) {
    if (type_id == 0 || type_id >= kTypeNames.size()) {
        return nullptr;
    }
    return opendext::cf::NewString(kTypeNames[type_id]);
}

Boolean CFEqual(CFTypeRef cf1, CFTypeRef cf2) {
    const Object &left = Checked(__func__, cf1);
    const Object &right = Checked(__func__, cf2);
    if (&left == &right) {
        return true;
    }
    if (left.class_info->id != right.class_info->id || left.class_info->equal == nullptr) {
        return false;
    }
    return left.class_info->equal(&left, &right);
}

CFHashCode CFHash(CFTypeRef cf) {
    const Object &object = Checked(__func__, cf);
    if (object.class_info->hash != nullptr) {
        return object.class_info->hash(&object);
    }
    return reinterpret_cast<CFHashCode>(cf);
}

CFStringRef CFCopyDescription(CFTypeRef cf) {
    Checked(__func__, cf);
    return opendext::cf::NewString(opendext::cf::Describe(cf));
}

void CFShow(CFTypeRef obj) {
    const bool is_string = obj != nullptr && CFGetTypeID(obj) == CFStringGetTypeID();
    const std::string text = is_string ? opendext::cf::ToUtf8(static_cast<CFStringRef>(obj))
                                       : opendext::cf::Describe(obj);
    fmt::print(stderr, "{}\n", text);
}

CFAllocatorRef CFGetAllocator(CFTypeRef cf) {
    Checked(__func__, cf);
    return kCFAllocatorSystemDefault;
}

CFAbsoluteTime CFAbsoluteTimeGetCurrent(void) {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(since_1970).count() - kCFAbsoluteTimeIntervalSince1970;
}
