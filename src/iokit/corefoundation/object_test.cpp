// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/object.h"

#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include <climits>
#include <thread>
#include <vector>

#include "iokit/corefoundation/string.h"

extern "C" {
CFStringRef ConstantFromC(void);
CFIndex CountDictionaryFromC(void);
}

namespace {

using opendext::cf::Ref;

Ref<CFMutableArrayRef> NewArray() {
    return Ref<CFMutableArrayRef>::Adopt(
        CFArrayCreateMutable(kCFAllocatorDefault, 0, &kCFTypeArrayCallBacks));
}

// semantics.md 7.5
TEST(Object, RetainedObject_OutlivesTheFirstRelease) {
    CFMutableArrayRef array = CFArrayCreateMutable(kCFAllocatorDefault, 0, &kCFTypeArrayCallBacks);
    EXPECT_EQ(CFGetRetainCount(array), 1);
    EXPECT_EQ(CFRetain(array), array);
    EXPECT_EQ(CFGetRetainCount(array), 2);
    CFRelease(array);
    EXPECT_EQ(CFArrayGetCount(array), 0);
    CFRelease(array);
}

// NOLINTNEXTLINE(readability-function-size)
TEST(Object, RetainsFromManyThreads_AreAllCounted) {
    const auto array = NewArray();
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&array] {
                for (int j = 0; j < 1000; ++j) {
                    CFRelease(CFRetain(array.Get()));
                }
            });
        }
    }
    EXPECT_EQ(CFGetRetainCount(array.Get()), 1);
}

TEST(Object, Constants_IgnoreRetainAndRelease) {
    for (CFTypeRef constant :
         {CFTypeRef(CFSTR("text")), CFTypeRef(kCFBooleanTrue), CFTypeRef(kCFNull)}) {
        EXPECT_EQ(CFGetRetainCount(constant), LONG_MAX);
        CFRelease(constant);
        CFRelease(constant);
        EXPECT_EQ(CFRetain(constant), constant);
        EXPECT_EQ(CFGetRetainCount(constant), LONG_MAX);
    }
}

TEST(Object, EachType_HasItsOwnIdAndName) {
    EXPECT_EQ(CFGetTypeID(CFSTR("text")), CFStringGetTypeID());
    EXPECT_EQ(CFGetTypeID(kCFBooleanFalse), CFBooleanGetTypeID());
    EXPECT_EQ(CFGetTypeID(kCFNull), CFNullGetTypeID());
    EXPECT_EQ(CFGetTypeID(kCFNumberNaN), CFNumberGetTypeID());
    EXPECT_EQ(CFGetTypeID(CFRunLoopGetMain()), CFRunLoopGetTypeID());
    const auto name = Ref<CFStringRef>::Adopt(CFCopyTypeIDDescription(CFDataGetTypeID()));
    EXPECT_TRUE(CFEqual(name.Get(), CFSTR("CFData")));
    EXPECT_EQ(CFCopyTypeIDDescription(4711), nullptr);
}

TEST(Object, ObjectsOfDifferentTypes_AreNotEqual) {
    EXPECT_FALSE(CFEqual(CFSTR("1"), kCFBooleanTrue));
    EXPECT_TRUE(CFEqual(kCFBooleanTrue, kCFBooleanTrue));
    EXPECT_FALSE(CFEqual(kCFBooleanTrue, kCFBooleanFalse));
}

TEST(Object, EqualObjects_HaveEqualHashes) {
    const double two_and_a_half = 2.0;
    const short two = 2;
    const auto real =
        Ref<CFNumberRef>::Adopt(CFNumberCreate(nullptr, kCFNumberDoubleType, &two_and_a_half));
    const auto integer = Ref<CFNumberRef>::Adopt(CFNumberCreate(nullptr, kCFNumberShortType, &two));
    EXPECT_TRUE(CFEqual(real.Get(), integer.Get()));
    EXPECT_EQ(CFHash(real.Get()), CFHash(integer.Get()));
    const auto text =
        Ref<CFStringRef>::Adopt(CFStringCreateWithCString(nullptr, "key", kCFStringEncodingUTF8));
    EXPECT_EQ(CFHash(text.Get()), CFHash(CFSTR("key")));
}

TEST(Object, Description_NamesTypeAndContents) {
    const auto array = NewArray();
    CFArrayAppendValue(array.Get(), CFSTR("inside"));
    const auto description = Ref<CFStringRef>::Adopt(CFCopyDescription(array.Get()));
    const std::string text = opendext::cf::ToUtf8(description.Get());
    EXPECT_NE(text.find("CFArray"), std::string::npos);
    EXPECT_NE(text.find("\"inside\""), std::string::npos);
}

TEST(Object, Show_PrintsContentsToStandardError) {
    testing::internal::CaptureStderr();
    CFShow(CFSTR("h\u00e9llo"));
    CFShow(nullptr);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "h\u00e9llo\n(null)\n");
}

TEST(Object, FromC_ConstantsAndCollectionsWork) {
    EXPECT_TRUE(CFEqual(ConstantFromC(), CFSTR("made by the compiler")));
    EXPECT_EQ(CountDictionaryFromC(), 2);
}

TEST(Object, Time_CountsFrom2001) {
    const double now = static_cast<double>(std::time(nullptr));
    EXPECT_NEAR(CFAbsoluteTimeGetCurrent() + kCFAbsoluteTimeIntervalSince1970, now, 30.0);
}

using ObjectDeathTest = testing::Test;

TEST(ObjectDeathTest, MisuseWithoutAnErrorToReturn_AbortsAndSaysWhat) {
    EXPECT_DEATH(CFRelease(nullptr), "CFRelease: the object is NULL");
    EXPECT_DEATH(CFStringGetLength(static_cast<CFStringRef>(static_cast<CFTypeRef>(kCFNull))),
                 "CFStringGetLength: expected a CFString, got a CFNull");
    EXPECT_DEATH(CFStringGetCharacterAtIndex(CFSTR("abc"), 3),
                 "range \\{3, 1\\} is outside of the 3");
    const auto array =
        Ref<CFArrayRef>::Adopt(CFArrayCreate(nullptr, nullptr, 0, &kCFTypeArrayCallBacks));
    EXPECT_DEATH(CFArrayAppendValue(const_cast<CFMutableArrayRef>(array.Get()), kCFNull),
                 "CFArray is immutable");
}

}  // namespace
