// SPDX-License-Identifier: Apache-2.0
// IOService's makers of matching dictionaries.
#include <DriverKit/IOService.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>

namespace {

// `matching` with key = value, or a new dictionary with it; +1 in each case. Consumes `value`.
OSDictionary *Add(OSDictionary *matching, const char *key, OSObject *value) {
    if (value == nullptr) {
        return nullptr;
    }
    if (matching != nullptr) {
        matching->retain();
    } else {
        matching = OSDictionary::withCapacity(4);
    }
    if (matching != nullptr) {
        matching->setObject(key, value);
    }
    value->release();
    return matching;
}

OSObject *StringObject(const char *text) {
    return text != nullptr ? OSString::withCString(text) : nullptr;
}

OSObject *StringObject(OSString *text) {
    if (text != nullptr) {
        text->retain();
    }
    return text;
}

}  // namespace

OSDictionary *IOService::CreatePropertyMatchingDictionary(const char *key, OSObjectPtr value,
                                                          OSDictionary *matching) {
    if (key == nullptr || value == nullptr) {
        return nullptr;
    }
    value->retain();
    return Add(matching, "IOPropertyMatch", Add(nullptr, key, value));
}

OSDictionary *IOService::CreatePropertyMatchingDictionary(const char *key, const char *stringValue,
                                                          OSDictionary *matching) {
    if (key == nullptr) {
        return nullptr;
    }
    return Add(matching, "IOPropertyMatch", Add(nullptr, key, StringObject(stringValue)));
}

OSDictionary *IOService::CreateKernelClassMatchingDictionary(OSString *className,
                                                             OSDictionary *matching) {
    return Add(matching, "IOProviderClass", StringObject(className));
}

OSDictionary *IOService::CreateKernelClassMatchingDictionary(const char *className,
                                                             OSDictionary *matching) {
    return Add(matching, "IOProviderClass", StringObject(className));
}

OSDictionary *IOService::CreateUserClassMatchingDictionary(OSString *className,
                                                           OSDictionary *matching) {
    return CreatePropertyMatchingDictionary("IOUserClass", className, matching);
}

OSDictionary *IOService::CreateUserClassMatchingDictionary(const char *className,
                                                           OSDictionary *matching) {
    return CreatePropertyMatchingDictionary("IOUserClass", className, matching);
}

OSDictionary *IOService::CreateNameMatchingDictionary(OSString *serviceName,
                                                      OSDictionary *matching) {
    return Add(matching, "IONameMatch", StringObject(serviceName));
}

OSDictionary *IOService::CreateNameMatchingDictionary(const char *serviceName,
                                                      OSDictionary *matching) {
    return Add(matching, "IONameMatch", StringObject(serviceName));
}
