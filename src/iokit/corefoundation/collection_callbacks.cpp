// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/collection_callbacks.h"

#include "iokit/corefoundation/string.h"

namespace opendext::cf {

const void *RetainObject(CFAllocatorRef /*allocator*/, const void *object) {
    return CFRetain(object);
}

void ReleaseObject(CFAllocatorRef /*allocator*/, const void *object) {
    CFRelease(object);
}

CFStringRef DescribeObject(const void *object) {
    return CFCopyDescription(object);
}

Boolean EqualObjects(const void *left, const void *right) {
    return CFEqual(left, right);
}

CFHashCode HashObject(const void *object) {
    return CFHash(object);
}

std::string DescribeValue(CFStringRef (*copy_description)(const void *value), const void *value) {
    if (copy_description == nullptr) {
        return fmt::format("{}", value);
    }
    const auto description = Ref<CFStringRef>::Adopt(copy_description(value));
    return description ? ToUtf8(description.Get()) : "(null)";
}

}  // namespace opendext::cf
