// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFArray.h>

#include <algorithm>
#include <list>
#include <vector>

#include "iokit/corefoundation/collection_callbacks.h"

using opendext::cf::CheckRange;
using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::EqualValues;
using opendext::cf::Object;
using opendext::cf::ReleaseValue;
using opendext::cf::RetainValue;

struct __CFArray : Object {
    using Object::Object;

    [[nodiscard]] CFIndex Count() const { return static_cast<CFIndex>(values.size()); }

    CFArrayCallBacks callbacks = {};
    std::vector<const void *> values;
};

namespace {

void DestroyArray(const Object *object) {
    const auto *const array = static_cast<const __CFArray *>(object);
    for (const void *value : array->values) {
        ReleaseValue(array->callbacks, value);
    }
    delete array;
}

bool EqualArrays(const Object *left_object, const Object *right_object) {
    const auto &left = *static_cast<const __CFArray *>(left_object);
    const auto &right = *static_cast<const __CFArray *>(right_object);
    return left.callbacks.equal == right.callbacks.equal &&
           std::ranges::equal(left.values, right.values,
                              [&](const void *left_value, const void *right_value) {
                                  return EqualValues(left.callbacks, left_value, right_value);
                              });
}

CFHashCode HashArray(const Object *object) {
    return static_cast<CFHashCode>(static_cast<const __CFArray *>(object)->Count());
}

std::string DescribeArray(const Object *object) {
    const auto &array = *static_cast<const __CFArray *>(object);
    std::string text = "(";
    for (const void *value : array.values) {
        text += text.size() > 1 ? ", " : "";
        text += opendext::cf::DescribeValue(array.callbacks.copyDescription, value);
    }
    return text + ")";
}

constexpr ClassInfo kArrayClass = {
    "CFArray", opendext::cf::kTypeArray, DestroyArray, EqualArrays, HashArray, DescribeArray};

const __CFArray &Checked(const char *function, CFArrayRef array) {
    CheckType(function, array, CFArrayGetTypeID());
    return *array;
}

__CFArray &Editable(const char *function, CFMutableArrayRef array) {
    CheckType(function, array, CFArrayGetTypeID());
    opendext::cf::CheckMutable(function, *array);
    return *array;
}

void Append(__CFArray &array, const void *value) {
    array.values.push_back(RetainValue(array.callbacks, value));
}

__CFArray *NewCopy(const __CFArray &original, std::uint32_t mutability) {
    auto *const copy = new __CFArray(kArrayClass, mutability, 1);
    copy->callbacks = original.callbacks;
    for (const void *value : original.values) {
        Append(*copy, value);
    }
    return copy;
}

}  // namespace

const CFArrayCallBacks kCFTypeArrayCallBacks = {
    0, opendext::cf::RetainObject, opendext::cf::ReleaseObject, opendext::cf::DescribeObject,
    opendext::cf::EqualObjects};

CFTypeID CFArrayGetTypeID(void) {
    return opendext::cf::kTypeArray;
}

CFArrayRef CFArrayCreate(CFAllocatorRef /*allocator*/, const void **values, CFIndex numValues,
                         const CFArrayCallBacks *callBacks) {
    opendext::cf::CheckLength(__func__, numValues);
    auto *const array = new __CFArray(kArrayClass, 0, 1);
    array->callbacks = opendext::cf::CopyCallbacks(__func__, callBacks);
    for (CFIndex i = 0; i < numValues; ++i) {
        Append(*array, values[i]);
    }
    return array;
}

CFArrayRef CFArrayCreateCopy(CFAllocatorRef /*allocator*/, CFArrayRef theArray) {
    return NewCopy(Checked(__func__, theArray), 0);
}

CFMutableArrayRef CFArrayCreateMutable(CFAllocatorRef /*allocator*/, CFIndex /*capacity*/,
                                       const CFArrayCallBacks *callBacks) {
    auto *const array = new __CFArray(kArrayClass, opendext::cf::kObjectIsMutable, 1);
    array->callbacks = opendext::cf::CopyCallbacks(__func__, callBacks);
    return array;
}

CFMutableArrayRef CFArrayCreateMutableCopy(CFAllocatorRef /*allocator*/, CFIndex /*capacity*/,
                                           CFArrayRef theArray) {
    return NewCopy(Checked(__func__, theArray), opendext::cf::kObjectIsMutable);
}

CFIndex CFArrayGetCount(CFArrayRef theArray) {
    return Checked(__func__, theArray).Count();
}

CFIndex CFArrayGetCountOfValue(CFArrayRef theArray, CFRange range, const void *value) {
    const __CFArray &array = Checked(__func__, theArray);
    CheckRange(__func__, range, array.Count());
    const auto first = array.values.begin() + range.location;
    return std::count_if(first, first + range.length, [&](const void *each) {
        return EqualValues(array.callbacks, each, value);
    });
}

Boolean CFArrayContainsValue(CFArrayRef theArray, CFRange range, const void *value) {
    return CFArrayGetFirstIndexOfValue(theArray, range, value) != kCFNotFound;
}

const void *CFArrayGetValueAtIndex(CFArrayRef theArray, CFIndex idx) {
    const __CFArray &array = Checked(__func__, theArray);
    CheckRange(__func__, CFRangeMake(idx, 1), array.Count());
    return array.values[static_cast<std::size_t>(idx)];
}

void CFArrayGetValues(CFArrayRef theArray, CFRange range, const void **values) {
    const __CFArray &array = Checked(__func__, theArray);
    CheckRange(__func__, range, array.Count());
    std::copy_n(array.values.begin() + range.location, range.length, values);
}

void CFArrayApplyFunction(CFArrayRef theArray, CFRange range, CFArrayApplierFunction applier,
                          void *context) {
    const __CFArray &array = Checked(__func__, theArray);
    CheckRange(__func__, range, array.Count());
    for (CFIndex i = range.location; i < range.location + range.length; ++i) {
        applier(CFArrayGetValueAtIndex(theArray, i), context);
    }
}

CFIndex CFArrayGetFirstIndexOfValue(CFArrayRef theArray, CFRange range, const void *value) {
    const __CFArray &array = Checked(__func__, theArray);
    CheckRange(__func__, range, array.Count());
    for (CFIndex i = range.location; i < range.location + range.length; ++i) {
        if (EqualValues(array.callbacks, CFArrayGetValueAtIndex(theArray, i), value)) {
            return i;
        }
    }
    return kCFNotFound;
}

CFIndex CFArrayGetLastIndexOfValue(CFArrayRef theArray, CFRange range, const void *value) {
    const __CFArray &array = Checked(__func__, theArray);
    CheckRange(__func__, range, array.Count());
    for (CFIndex i = range.location + range.length - 1; i >= range.location; --i) {
        if (EqualValues(array.callbacks, CFArrayGetValueAtIndex(theArray, i), value)) {
            return i;
        }
    }
    return kCFNotFound;
}

void CFArrayAppendValue(CFMutableArrayRef theArray, const void *value) {
    Append(Editable(__func__, theArray), value);
}

void CFArrayAppendArray(CFMutableArrayRef theArray, CFArrayRef otherArray, CFRange otherRange) {
    __CFArray &array = Editable(__func__, theArray);
    CheckRange(__func__, otherRange, Checked(__func__, otherArray).Count());
    for (CFIndex i = otherRange.location; i < otherRange.location + otherRange.length; ++i) {
        Append(array, CFArrayGetValueAtIndex(otherArray, i));
    }
}

void CFArrayInsertValueAtIndex(CFMutableArrayRef theArray, CFIndex idx, const void *value) {
    __CFArray &array = Editable(__func__, theArray);
    CheckRange(__func__, CFRangeMake(idx, 0), array.Count());
    array.values.insert(array.values.begin() + idx, RetainValue(array.callbacks, value));
}

void CFArraySetValueAtIndex(CFMutableArrayRef theArray, CFIndex idx, const void *value) {
    __CFArray &array = Editable(__func__, theArray);
    if (idx == array.Count()) {
        Append(array, value);
        return;
    }
    CheckRange(__func__, CFRangeMake(idx, 1), array.Count());
    const void *const old_value = std::exchange(array.values[static_cast<std::size_t>(idx)],
                                                RetainValue(array.callbacks, value));
    ReleaseValue(array.callbacks, old_value);
}

void CFArrayRemoveValueAtIndex(CFMutableArrayRef theArray, CFIndex idx) {
    __CFArray &array = Editable(__func__, theArray);
    CheckRange(__func__, CFRangeMake(idx, 1), array.Count());
    const auto position = array.values.begin() + idx;
    const void *const value = *position;
    array.values.erase(position);
    ReleaseValue(array.callbacks, value);
}

void CFArrayRemoveAllValues(CFMutableArrayRef theArray) {
    __CFArray &array = Editable(__func__, theArray);
    const std::vector<const void *> values = std::exchange(array.values, {});
    for (const void *value : values) {
        ReleaseValue(array.callbacks, value);
    }
}

void CFArrayExchangeValuesAtIndices(CFMutableArrayRef theArray, CFIndex idx1, CFIndex idx2) {
    __CFArray &array = Editable(__func__, theArray);
    CheckRange(__func__, CFRangeMake(idx1, 1), array.Count());
    CheckRange(__func__, CFRangeMake(idx2, 1), array.Count());
    std::swap(array.values[static_cast<std::size_t>(idx1)],
              array.values[static_cast<std::size_t>(idx2)]);
}

void CFArraySortValues(CFMutableArrayRef theArray, CFRange range, CFComparatorFunction comparator,
                       void *context) {
    __CFArray &array = Editable(__func__, theArray);
    CheckRange(__func__, range, array.Count());
    const auto first = array.values.begin() + range.location;
    // A list's sort is a merge: stable, and harmless if the comparator contradicts itself.
    std::list<const void *> sorted(first, first + range.length);
    sorted.sort([&](const void *left, const void *right) {
        return comparator(left, right, context) == kCFCompareLessThan;
    });
    std::ranges::copy(sorted, first);
}
