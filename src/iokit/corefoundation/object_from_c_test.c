// SPDX-License-Identifier: Apache-2.0
// What object_test.cpp runs to see that the headers and CFSTR serve C as well.
#include <CoreFoundation/CoreFoundation.h>
#include <dispatch/dispatch.h>

static const CFStringRef kInitialiser = CFSTR("made by the compiler");

CFStringRef ConstantFromC(void);
CFIndex CountDictionaryFromC(void);

CFStringRef ConstantFromC(void) {
    return kInitialiser;
}

CFIndex CountDictionaryFromC(void) {
    CFMutableDictionaryRef dictionary = CFDictionaryCreateMutable(
        kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    int one = 1;
    CFNumberRef number = CFNumberCreate(kCFAllocatorDefault, kCFNumberIntType, &one);
    CFDictionarySetValue(dictionary, CFSTR("one"), number);
    CFDictionarySetValue(dictionary, CFSTR("yes"), kCFBooleanTrue);
    CFRelease(number);
    CFIndex count = CFDictionaryGetCount(dictionary);
    CFRelease(dictionary);
    dispatch_queue_t queue = dispatch_queue_create("c", DISPATCH_QUEUE_CONCURRENT);
    dispatch_release(queue);
    return count;
}
