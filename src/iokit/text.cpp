// SPDX-License-Identifier: Apache-2.0
#include "iokit/text.h"

#include <cstring>

#include <IOKit/IOReturn.h>

namespace opendext::iokit {

kern_return_t CopyText(std::string_view text, char *buffer, size_t capacity) {
    if (text.size() >= capacity) {
        return kIOReturnBadArgument;
    }
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    return kIOReturnSuccess;
}

CFStringRef CreateString(std::string_view text) {
    return CFStringCreateWithBytes(kCFAllocatorDefault,
                                   reinterpret_cast<const UInt8 *>(text.data()),
                                   static_cast<CFIndex>(text.size()), kCFStringEncodingUTF8, false);
}

std::string TextOf(CFStringRef string) {
    const CFIndex most =
        CFStringGetMaximumSizeForEncoding(CFStringGetLength(string), kCFStringEncodingUTF8) + 1;
    std::string text(static_cast<size_t>(most), '\0');
    if (!CFStringGetCString(string, text.data(), most, kCFStringEncodingUTF8)) {
        return {};
    }
    text.resize(std::strlen(text.c_str()));
    return text;
}

}  // namespace opendext::iokit
