// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "iokit/corefoundation/object.h"
#include "iokit/corefoundation/string.h"

namespace {

using opendext::cf::Ref;
using Array = Ref<CFMutableArrayRef>;
using Data = Ref<CFMutableDataRef>;
using Dictionary = Ref<CFMutableDictionaryRef>;

Array NewArray() {
    return Array::Adopt(CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks));
}

Dictionary NewDictionary() {
    return Dictionary::Adopt(CFDictionaryCreateMutable(nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                                                       &kCFTypeDictionaryValueCallBacks));
}

// A value whose references can be counted.
Array NewValue() {
    return NewArray();
}

const void *Plain(std::uintptr_t number) {
    return reinterpret_cast<const void *>(number);
}

// semantics.md 7.5
TEST(Data, CopiesTheBytes) {
    std::array<UInt8, 3> bytes = {1, 2, 3};
    const auto data = Ref<CFDataRef>::Adopt(CFDataCreate(nullptr, bytes.data(), bytes.size()));
    bytes[0] = 9;
    EXPECT_EQ(CFDataGetLength(data.Get()), 3);
    EXPECT_EQ(CFDataGetBytePtr(data.Get())[0], 1);
    std::array<UInt8, 2> part = {};
    CFDataGetBytes(data.Get(), CFRangeMake(1, 2), part.data());
    EXPECT_EQ(part, (std::array<UInt8, 2>{2, 3}));
}

TEST(Data, NoCopy_UsesTheBytesAndFreesThemIfAsked) {
    std::array<UInt8, 2> own = {1, 2};
    const auto borrowed = Ref<CFDataRef>::Adopt(
        CFDataCreateWithBytesNoCopy(nullptr, own.data(), own.size(), kCFAllocatorNull));
    EXPECT_EQ(CFDataGetBytePtr(borrowed.Get()), own.data());
    auto *const allocated = static_cast<UInt8 *>(std::malloc(4));
    // Freed by the release: a leak checker would tell.
    CFRelease(CFDataCreateWithBytesNoCopy(nullptr, allocated, 4, kCFAllocatorDefault));
}

TEST(Data, MutableData_GrowsAndIsReplaced) {
    const auto data = Data::Adopt(CFDataCreateMutable(nullptr, 0));
    constexpr std::array<UInt8, 4> kBytes = {1, 2, 3, 4};
    CFDataAppendBytes(data.Get(), kBytes.data(), 4);
    CFDataIncreaseLength(data.Get(), 2);
    CFDataReplaceBytes(data.Get(), CFRangeMake(0, 2), kBytes.data(), 1);
    CFDataDeleteBytes(data.Get(), CFRangeMake(1, 1));
    CFDataGetMutableBytePtr(data.Get())[3] = 7;
    constexpr std::array<UInt8, 4> kExpected = {1, 4, 0, 7};
    const auto expected = Ref<CFDataRef>::Adopt(CFDataCreate(nullptr, kExpected.data(), 4));
    EXPECT_TRUE(CFEqual(data.Get(), expected.Get()));
    EXPECT_EQ(CFHash(data.Get()), CFHash(expected.Get()));
    CFDataSetLength(data.Get(), 1);
    EXPECT_FALSE(CFEqual(data.Get(), expected.Get()));
    // The new bytes are the data's own.
    CFDataAppendBytes(data.Get(), CFDataGetBytePtr(data.Get()), 1);
    EXPECT_EQ(CFDataGetLength(data.Get()), 2);
}

TEST(DataDeathTest, GrowthAboveTheCapacity_Aborts) {
    const auto data = Data::Adopt(CFDataCreateMutable(nullptr, 2));
    EXPECT_DEATH(CFDataSetLength(data.Get(), 3), "above its capacity of 2");
}

TEST(Array, RetainsWhatIsPutInAndReleasesWhatIsTakenOut) {
    const auto value = NewValue();
    {
        const auto array = NewArray();
        CFArrayAppendValue(array.Get(), value.Get());
        CFArrayInsertValueAtIndex(array.Get(), 0, value.Get());
        EXPECT_EQ(CFGetRetainCount(value.Get()), 3);
        CFArrayRemoveValueAtIndex(array.Get(), 0);
        CFArraySetValueAtIndex(array.Get(), 0, kCFNull);
        EXPECT_EQ(CFGetRetainCount(value.Get()), 1);
        CFArraySetValueAtIndex(array.Get(), 1, value.Get());
        EXPECT_EQ(CFArrayGetCount(array.Get()), 2);
    }
    EXPECT_EQ(CFGetRetainCount(value.Get()), 1);
}

TEST(Array, Searches_CompareWithTheCallbacks) {
    std::array<const void *, 3> values = {CFSTR("a"), CFSTR("b"), CFSTR("a")};
    const auto array =
        Ref<CFArrayRef>::Adopt(CFArrayCreate(nullptr, values.data(), 3, &kCFTypeArrayCallBacks));
    const CFRange all = CFRangeMake(0, 3);
    const auto wanted = Ref<CFStringRef>::Adopt(opendext::cf::NewString(std::string_view("a")));
    EXPECT_EQ(CFArrayGetFirstIndexOfValue(array.Get(), all, wanted.Get()), 0);
    EXPECT_EQ(CFArrayGetLastIndexOfValue(array.Get(), all, wanted.Get()), 2);
    EXPECT_EQ(CFArrayGetCountOfValue(array.Get(), all, wanted.Get()), 2);
    EXPECT_FALSE(CFArrayContainsValue(array.Get(), CFRangeMake(1, 1), wanted.Get()));
    std::array<const void *, 2> copied = {};
    CFArrayGetValues(array.Get(), CFRangeMake(1, 2), copied.data());
    EXPECT_EQ(copied[0], values[1]);
}

TEST(Array, WithoutCallbacks_HoldsPlainPointers) {
    const auto array = Array::Adopt(CFArrayCreateMutable(nullptr, 0, nullptr));
    for (const std::uintptr_t number : {3, 1, 2}) {
        CFArrayAppendValue(array.Get(), Plain(number));
    }
    CFArraySortValues(
        array.Get(), CFRangeMake(0, 3),
        [](const void *left, const void *right, void *) {
            return left < right ? kCFCompareLessThan : kCFCompareGreaterThan;
        },
        nullptr);
    CFArrayExchangeValuesAtIndices(array.Get(), 0, 2);
    std::vector<const void *> seen;
    CFArrayApplyFunction(
        array.Get(), CFRangeMake(0, 3),
        [](const void *value, void *context) {
            static_cast<std::vector<const void *> *>(context)->push_back(value);
        },
        &seen);
    EXPECT_EQ(seen, (std::vector{Plain(3), Plain(2), Plain(1)}));
}

TEST(Array, Copies_AreEqualAndIndependent) {
    const auto array = NewArray();
    CFArrayAppendValue(array.Get(), CFSTR("a"));
    const auto copy = Ref<CFArrayRef>::Adopt(CFArrayCreateCopy(nullptr, array.Get()));
    const auto longer = Array::Adopt(CFArrayCreateMutableCopy(nullptr, 0, array.Get()));
    EXPECT_TRUE(CFEqual(array.Get(), copy.Get()));
    CFArrayAppendArray(longer.Get(), copy.Get(), CFRangeMake(0, 1));
    EXPECT_FALSE(CFEqual(longer.Get(), copy.Get()));
    CFArrayRemoveAllValues(array.Get());
    EXPECT_EQ(CFArrayGetCount(copy.Get()), 1);
}

TEST(Dictionary, SetAddReplaceRemove_FollowTheirNames) {
    const auto dictionary = NewDictionary();
    CFDictionaryReplaceValue(dictionary.Get(), CFSTR("key"), CFSTR("0"));
    EXPECT_EQ(CFDictionaryGetCount(dictionary.Get()), 0);
    CFDictionaryAddValue(dictionary.Get(), CFSTR("key"), CFSTR("1"));
    CFDictionaryAddValue(dictionary.Get(), CFSTR("key"), CFSTR("2"));
    EXPECT_EQ(CFDictionaryGetValue(dictionary.Get(), CFSTR("key")), CFSTR("1"));
    CFDictionarySetValue(dictionary.Get(), CFSTR("key"), CFSTR("3"));
    EXPECT_EQ(CFDictionaryGetValue(dictionary.Get(), CFSTR("key")), CFSTR("3"));
    CFDictionaryReplaceValue(dictionary.Get(), CFSTR("key"), CFSTR("4"));
    EXPECT_TRUE(CFDictionaryContainsValue(dictionary.Get(), CFSTR("4")));
    EXPECT_EQ(CFDictionaryGetCountOfKey(dictionary.Get(), CFSTR("key")), 1);
    CFDictionaryRemoveValue(dictionary.Get(), CFSTR("key"));
    EXPECT_FALSE(CFDictionaryContainsKey(dictionary.Get(), CFSTR("key")));
    EXPECT_EQ(CFDictionaryGetValue(dictionary.Get(), CFSTR("key")), nullptr);
}

TEST(Dictionary, KeysAreFoundByContents) {
    const auto dictionary = NewDictionary();
    const auto key =
        Ref<CFStringRef>::Adopt(opendext::cf::NewString(std::string_view("IOProviderClass")));
    CFDictionarySetValue(dictionary.Get(), key.Get(), kCFBooleanTrue);
    const void *value = nullptr;
    EXPECT_TRUE(CFDictionaryGetValueIfPresent(dictionary.Get(), CFSTR("IOProviderClass"), &value));
    EXPECT_EQ(value, kCFBooleanTrue);
    EXPECT_FALSE(CFDictionaryGetValueIfPresent(dictionary.Get(), CFSTR("other"), &value));
}

TEST(Dictionary, RetainsAndReleasesKeysAndValues) {
    const auto key = NewValue();
    const auto value = NewValue();
    const auto other = NewValue();
    {
        const auto dictionary = NewDictionary();
        CFDictionarySetValue(dictionary.Get(), key.Get(), value.Get());
        EXPECT_EQ(CFGetRetainCount(key.Get()), 2);
        CFDictionarySetValue(dictionary.Get(), key.Get(), other.Get());
        EXPECT_EQ(CFGetRetainCount(value.Get()), 1);
        CFDictionaryRemoveAllValues(dictionary.Get());
        EXPECT_EQ(CFGetRetainCount(key.Get()), 1);
        CFDictionarySetValue(dictionary.Get(), key.Get(), value.Get());
    }
    EXPECT_EQ(CFGetRetainCount(key.Get()), 1);
    EXPECT_EQ(CFGetRetainCount(value.Get()), 1);
    EXPECT_EQ(CFGetRetainCount(other.Get()), 1);
}

TEST(Dictionary, CopyStringKeys_AreNotChangedFromOutside) {
    const auto dictionary = Dictionary::Adopt(CFDictionaryCreateMutable(
        nullptr, 0, &kCFCopyStringDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks));
    const auto key =
        Ref<CFMutableStringRef>::Adopt(CFStringCreateMutableCopy(nullptr, 0, CFSTR("before")));
    CFDictionarySetValue(dictionary.Get(), key.Get(), kCFNull);
    CFStringReplaceAll(key.Get(), CFSTR("after"));
    EXPECT_TRUE(CFDictionaryContainsKey(dictionary.Get(), CFSTR("before")));
}

TEST(Dictionary, Entries_AreAllVisited) {
    std::array<const void *, 3> keys = {CFSTR("a"), CFSTR("b"), CFSTR("a")};
    std::array<const void *, 3> values = {Plain(1), Plain(2), Plain(3)};
    const auto dictionary = Ref<CFDictionaryRef>::Adopt(CFDictionaryCreate(
        nullptr, keys.data(), values.data(), 3, &kCFTypeDictionaryKeyCallBacks, nullptr));
    ASSERT_EQ(CFDictionaryGetCount(dictionary.Get()), 2);
    std::uintptr_t sum = 0;
    CFDictionaryApplyFunction(
        dictionary.Get(),
        [](const void *, const void *value, void *context) {
            *static_cast<std::uintptr_t *>(context) += reinterpret_cast<std::uintptr_t>(value);
        },
        &sum);
    EXPECT_EQ(sum, 3U);
    std::array<const void *, 2> found_keys = {};
    std::array<const void *, 2> found_values = {};
    CFDictionaryGetKeysAndValues(dictionary.Get(), found_keys.data(), found_values.data());
    EXPECT_EQ(CFDictionaryGetValue(dictionary.Get(), found_keys[0]), found_values[0]);
}

TEST(Dictionary, Copies_AreEqualAndIndependent) {
    const auto dictionary = NewDictionary();
    CFDictionarySetValue(dictionary.Get(), CFSTR("a"), CFSTR("1"));
    const auto copy =
        Ref<CFDictionaryRef>::Adopt(CFDictionaryCreateCopy(nullptr, dictionary.Get()));
    const auto changed =
        Dictionary::Adopt(CFDictionaryCreateMutableCopy(nullptr, 0, dictionary.Get()));
    EXPECT_TRUE(CFEqual(dictionary.Get(), copy.Get()));
    CFDictionarySetValue(changed.Get(), CFSTR("a"), CFSTR("2"));
    EXPECT_FALSE(CFEqual(changed.Get(), copy.Get()));
    EXPECT_EQ(CFDictionaryGetValue(copy.Get(), CFSTR("a")), CFSTR("1"));
}

}  // namespace
