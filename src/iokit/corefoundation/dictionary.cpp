// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFString.h>

#include <unordered_map>

#include "iokit/corefoundation/collection_callbacks.h"

using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::EqualValues;
using opendext::cf::Object;
using opendext::cf::ReleaseValue;
using opendext::cf::RetainValue;

namespace {

// The map's hash and equality: those of the key callbacks.
struct KeyRules {
    std::size_t operator()(const void *key) const {
        return callbacks.hash != nullptr ? callbacks.hash(key) : reinterpret_cast<std::size_t>(key);
    }
    bool operator()(const void *left, const void *right) const {
        return EqualValues(callbacks, left, right);
    }

    CFDictionaryKeyCallBacks callbacks;
};

}  // namespace

struct __CFDictionary : Object {
    __CFDictionary(const ClassInfo &type, std::uint32_t mutability,
                   const CFDictionaryKeyCallBacks &keys, const CFDictionaryValueCallBacks &values)
        : Object(type, mutability, 1),
          key_callbacks(keys),
          value_callbacks(values),
          entries(0, KeyRules{keys}, KeyRules{keys}) {}

    CFDictionaryKeyCallBacks key_callbacks;
    CFDictionaryValueCallBacks value_callbacks;
    std::unordered_map<const void *, const void *, KeyRules, KeyRules> entries;
};

namespace {

void ReleaseEntry(const __CFDictionary &dictionary, const void *key, const void *value) {
    ReleaseValue(dictionary.key_callbacks, key);
    ReleaseValue(dictionary.value_callbacks, value);
}

void DestroyDictionary(const Object *object) {
    const auto *const dictionary = static_cast<const __CFDictionary *>(object);
    for (const auto &[key, value] : dictionary->entries) {
        ReleaseEntry(*dictionary, key, value);
    }
    delete dictionary;
}

bool EqualDictionaries(const Object *left_object, const Object *right_object) {
    const auto &left = *static_cast<const __CFDictionary *>(left_object);
    const auto &right = *static_cast<const __CFDictionary *>(right_object);
    if (left.entries.size() != right.entries.size() ||
        left.key_callbacks.equal != right.key_callbacks.equal ||
        left.value_callbacks.equal != right.value_callbacks.equal) {
        return false;
    }
    for (const auto &[key, value] : left.entries) {
        const auto found = right.entries.find(key);
        if (found == right.entries.end() ||
            !EqualValues(left.value_callbacks, value, found->second)) {
            return false;
        }
    }
    return true;
}

CFHashCode HashDictionary(const Object *object) {
    return static_cast<const __CFDictionary *>(object)->entries.size();
}

std::string DescribeDictionary(const Object *object) {
    const auto &dictionary = *static_cast<const __CFDictionary *>(object);
    std::string text = "{";
    for (const auto &[key, value] : dictionary.entries) {
        text += text.size() > 1 ? ", " : "";
        text += opendext::cf::DescribeValue(dictionary.key_callbacks.copyDescription, key) + " = " +
                opendext::cf::DescribeValue(dictionary.value_callbacks.copyDescription, value);
    }
    return text + "}";
}

constexpr ClassInfo kDictionaryClass = {"CFDictionary",    opendext::cf::kTypeDictionary,
                                        DestroyDictionary, EqualDictionaries,
                                        HashDictionary,    DescribeDictionary};

const __CFDictionary &Checked(const char *function, CFDictionaryRef dictionary) {
    CheckType(function, dictionary, CFDictionaryGetTypeID());
    return *dictionary;
}

__CFDictionary &Editable(const char *function, CFMutableDictionaryRef dictionary) {
    CheckType(function, dictionary, CFDictionaryGetTypeID());
    opendext::cf::CheckMutable(function, *dictionary);
    return *dictionary;
}

void AddIfAbsent(__CFDictionary &dictionary, const void *key, const void *value) {
    if (!dictionary.entries.contains(key)) {
        dictionary.entries.emplace(RetainValue(dictionary.key_callbacks, key),
                                   RetainValue(dictionary.value_callbacks, value));
    }
}

// Puts a value in the place of an entry's; false if the key has no entry.
bool ReplaceIfPresent(__CFDictionary &dictionary, const void *key, const void *value) {
    const auto found = dictionary.entries.find(key);
    if (found == dictionary.entries.end()) {
        return false;
    }
    const void *const retained = RetainValue(dictionary.value_callbacks, value);
    ReleaseValue(dictionary.value_callbacks, std::exchange(found->second, retained));
    return true;
}

__CFDictionary *NewCopy(const __CFDictionary &original, std::uint32_t mutability) {
    auto *const copy = new __CFDictionary(kDictionaryClass, mutability, original.key_callbacks,
                                          original.value_callbacks);
    for (const auto &[key, value] : original.entries) {
        AddIfAbsent(*copy, key, value);
    }
    return copy;
}

const void *CopyStringKey(CFAllocatorRef allocator, const void *key) {
    return CFStringCreateCopy(allocator, static_cast<CFStringRef>(key));
}

}  // namespace

const CFDictionaryKeyCallBacks kCFTypeDictionaryKeyCallBacks = {0,
                                                                opendext::cf::RetainObject,
                                                                opendext::cf::ReleaseObject,
                                                                opendext::cf::DescribeObject,
                                                                opendext::cf::EqualObjects,
                                                                opendext::cf::HashObject};
const CFDictionaryKeyCallBacks kCFCopyStringDictionaryKeyCallBacks = {0,
                                                                      CopyStringKey,
                                                                      opendext::cf::ReleaseObject,
                                                                      opendext::cf::DescribeObject,
                                                                      opendext::cf::EqualObjects,
                                                                      opendext::cf::HashObject};
const CFDictionaryValueCallBacks kCFTypeDictionaryValueCallBacks = {
    0, opendext::cf::RetainObject, opendext::cf::ReleaseObject, opendext::cf::DescribeObject,
    opendext::cf::EqualObjects};

CFTypeID CFDictionaryGetTypeID(void) {
    return opendext::cf::kTypeDictionary;
}

CFDictionaryRef CFDictionaryCreate(CFAllocatorRef /*allocator*/, const void **keys,
                                   const void **values, CFIndex numValues,
                                   const CFDictionaryKeyCallBacks *keyCallBacks,
                                   const CFDictionaryValueCallBacks *valueCallBacks) {
    opendext::cf::CheckLength(__func__, numValues);
    auto *const dictionary =
        new __CFDictionary(kDictionaryClass, 0, opendext::cf::CopyCallbacks(__func__, keyCallBacks),
                           opendext::cf::CopyCallbacks(__func__, valueCallBacks));
    for (CFIndex i = 0; i < numValues; ++i) {
        AddIfAbsent(*dictionary, keys[i], values[i]);
    }
    return dictionary;
}

CFDictionaryRef CFDictionaryCreateCopy(CFAllocatorRef /*allocator*/, CFDictionaryRef theDict) {
    return NewCopy(Checked(__func__, theDict), 0);
}

CFMutableDictionaryRef CFDictionaryCreateMutable(CFAllocatorRef /*allocator*/, CFIndex /*capacity*/,
                                                 const CFDictionaryKeyCallBacks *keyCallBacks,
                                                 const CFDictionaryValueCallBacks *valueCallBacks) {
    return new __CFDictionary(kDictionaryClass, opendext::cf::kObjectIsMutable,
                              opendext::cf::CopyCallbacks(__func__, keyCallBacks),
                              opendext::cf::CopyCallbacks(__func__, valueCallBacks));
}

CFMutableDictionaryRef CFDictionaryCreateMutableCopy(CFAllocatorRef /*allocator*/,
                                                     CFIndex /*capacity*/,
                                                     CFDictionaryRef theDict) {
    return NewCopy(Checked(__func__, theDict), opendext::cf::kObjectIsMutable);
}

CFIndex CFDictionaryGetCount(CFDictionaryRef theDict) {
    return static_cast<CFIndex>(Checked(__func__, theDict).entries.size());
}

CFIndex CFDictionaryGetCountOfKey(CFDictionaryRef theDict, const void *key) {
    return static_cast<CFIndex>(Checked(__func__, theDict).entries.count(key));
}

CFIndex CFDictionaryGetCountOfValue(CFDictionaryRef theDict, const void *value) {
    const __CFDictionary &dictionary = Checked(__func__, theDict);
    CFIndex count = 0;
    for (const auto &entry : dictionary.entries) {
        count += EqualValues(dictionary.value_callbacks, entry.second, value) ? 1 : 0;
    }
    return count;
}

Boolean CFDictionaryContainsKey(CFDictionaryRef theDict, const void *key) {
    return Checked(__func__, theDict).entries.contains(key);
}

Boolean CFDictionaryContainsValue(CFDictionaryRef theDict, const void *value) {
    return CFDictionaryGetCountOfValue(theDict, value) != 0;
}

const void *CFDictionaryGetValue(CFDictionaryRef theDict, const void *key) {
    const void *value = nullptr;
    CFDictionaryGetValueIfPresent(theDict, key, &value);
    return value;
}

Boolean CFDictionaryGetValueIfPresent(CFDictionaryRef theDict, const void *key,
                                      const void **value) {
    const __CFDictionary &dictionary = Checked(__func__, theDict);
    const auto found = dictionary.entries.find(key);
    if (found == dictionary.entries.end()) {
        return false;
    }
    if (value != nullptr) {
        *value = found->second;
    }
    return true;
}

void CFDictionaryGetKeysAndValues(CFDictionaryRef theDict, const void **keys, const void **values) {
    for (const auto &[key, value] : Checked(__func__, theDict).entries) {
        if (keys != nullptr) {
            *keys++ = key;
        }
        if (values != nullptr) {
            *values++ = value;
        }
    }
}

void CFDictionaryApplyFunction(CFDictionaryRef theDict, CFDictionaryApplierFunction applier,
                               void *context) {
    for (const auto &[key, value] : Checked(__func__, theDict).entries) {
        applier(key, value, context);
    }
}

void CFDictionaryAddValue(CFMutableDictionaryRef theDict, const void *key, const void *value) {
    AddIfAbsent(Editable(__func__, theDict), key, value);
}

void CFDictionarySetValue(CFMutableDictionaryRef theDict, const void *key, const void *value) {
    __CFDictionary &dictionary = Editable(__func__, theDict);
    if (!ReplaceIfPresent(dictionary, key, value)) {
        AddIfAbsent(dictionary, key, value);
    }
}

void CFDictionaryReplaceValue(CFMutableDictionaryRef theDict, const void *key, const void *value) {
    ReplaceIfPresent(Editable(__func__, theDict), key, value);
}

void CFDictionaryRemoveValue(CFMutableDictionaryRef theDict, const void *key) {
    __CFDictionary &dictionary = Editable(__func__, theDict);
    const auto found = dictionary.entries.find(key);
    if (found == dictionary.entries.end()) {
        return;
    }
    const auto [old_key, old_value] = *found;
    dictionary.entries.erase(found);
    ReleaseEntry(dictionary, old_key, old_value);
}

void CFDictionaryRemoveAllValues(CFMutableDictionaryRef theDict) {
    __CFDictionary &dictionary = Editable(__func__, theDict);
    const auto entries = dictionary.entries;
    dictionary.entries.clear();
    for (const auto &[key, value] : entries) {
        ReleaseEntry(dictionary, key, value);
    }
}
