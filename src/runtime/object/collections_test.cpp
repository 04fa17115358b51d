// SPDX-License-Identifier: Apache-2.0
// semantics.md 4.9
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/object/object_census.h"
#include "runtime/object/object_internals.h"
#include "runtime/object/property_conversion.h"

namespace opendext::object {
namespace {

template <typename T>
OSSharedPtr<T> Own(T *object) {
    return {object, OSNoRetain};
}

OSSharedPtr<OSString> Text(const char *text) {
    return Own(OSString::withCString(text));
}

TEST(Data, WithBytes_Copies) {
    char bytes[] = "abc";
    const auto data = Own(OSData::withBytes(bytes, 3));
    bytes[0] = 'x';
    EXPECT_EQ(data->getLength(), 3u);
    EXPECT_EQ(std::memcmp(data->getBytesNoCopy(), "abc", 3), 0);
}

TEST(Data, WithBytesNoCopy_ShowsTheCallersBytesAndDoesNotGrow) {
    char bytes[] = "abc";
    const auto data = Own(OSData::withBytesNoCopy(bytes, 3));
    bytes[0] = 'x';
    EXPECT_EQ(std::memcmp(data->getBytesNoCopy(), "xbc", 3), 0);
    EXPECT_FALSE(data->appendBytes("d", 1));
}

TEST(Data, AppendNull_FillsWithZeros) {
    const auto data = Own(OSData::withCapacity(2));
    EXPECT_EQ(data->getBytesNoCopy(), nullptr);
    EXPECT_TRUE(data->appendBytes("ab", 2));
    EXPECT_TRUE(data->appendBytes(nullptr, 2));
    EXPECT_TRUE(data->isEqualTo("ab\0\0", 4));
    EXPECT_TRUE(data->appendBytes(data.get()));
    EXPECT_EQ(data->getLength(), 8u);
}

TEST(Data, PartOutsideTheBytes_IsNull) {
    const auto data = Own(OSData::withBytes("abcd", 4));
    EXPECT_EQ(std::memcmp(data->getBytesNoCopy(1, 3), "bcd", 3), 0);
    EXPECT_EQ(data->getBytesNoCopy(1, 4), nullptr);
    EXPECT_EQ(data->getBytesNoCopy(SIZE_MAX, 2), nullptr);
    EXPECT_EQ(OSData::withData(data.get(), 2, 3), nullptr);
    EXPECT_EQ(OSDataGetBytesPtr(data.get(), 3, 1), data->getBytesNoCopy(3, 1));
    char buffer[8];
    EXPECT_EQ(OSDataGetBytes(data.get(), buffer, 2, sizeof(buffer)), 2u);
    EXPECT_EQ(OSDataGetBytes(data.get(), buffer, 4, 1), 0u);
}

TEST(Data, Equality_IsByContents) {
    const auto data = Own(OSDataCreate("abc", 3));
    EXPECT_TRUE(data->isEqualTo(Own(OSData::withData(data.get())).get()));
    EXPECT_FALSE(data->isEqualTo(Own(OSData::withBytes("abd", 3)).get()));
    EXPECT_TRUE(data->isEqualTo(Text("abc").get()));
    EXPECT_TRUE(Own(OSData::withBytes("abc", 4))->isEqualTo(Text("abc").get()));
}

TEST(String, Contents_AreCopiedOrBorrowed) {
    EXPECT_EQ(OSString::withCString(nullptr), nullptr);
    const auto cut = Own(OSStringCreate("abcdef", 3));
    EXPECT_STREQ(cut->getCStringNoCopy(), "abc");
    EXPECT_EQ(cut->getLength(), 3u);
    EXPECT_EQ(cut->getChar(1), 'b');
    EXPECT_EQ(cut->getChar(9), '\0');
    static const char kText[] = "borrowed";
    EXPECT_EQ(Own(OSString::withCStringNoCopy(kText))->getCStringNoCopy(), kText);
}

TEST(String, Equality_IsByContents) {
    EXPECT_TRUE(Text("a")->isEqualTo(Text("a").get()));
    EXPECT_FALSE(Text("a")->isEqualTo(Text("b").get()));
    EXPECT_TRUE(Text("a")->isEqualTo("a"));
    const OSMetaClassBase *const number = OSNumber::withNumber(1, 8);
    EXPECT_FALSE(Text("a")->isEqualTo(number));
    number->release();
}

TEST(Number, Value_IsKeptWithinItsWidth) {
    const auto number = Own(OSNumber::withNumber(0x12345, 16));
    EXPECT_EQ(number->unsigned64BitValue(), 0x2345u);
    EXPECT_EQ(number->unsigned8BitValue(), 0x45u);
    EXPECT_EQ(number->numberOfBits(), 16u);
    EXPECT_EQ(number->numberOfBytes(), 2u);
    number->setValue(0xffff);
    number->addValue(2);
    EXPECT_EQ(number->unsigned32BitValue(), 1u);
    EXPECT_EQ(OSNumber::withNumber(1, 65), nullptr);
    EXPECT_TRUE(number->isEqualTo(Own(OSNumberCreateWithUInt64Value(1)).get()));
}

TEST(Boolean, TheTwoObjects_AreImmortal) {
    EXPECT_EQ(OSBoolean::withBoolean(true), kOSBooleanTrue);
    EXPECT_TRUE(kOSBooleanTrue->isTrue());
    EXPECT_TRUE(kOSBooleanFalse->isFalse());
    EXPECT_FALSE(kOSBooleanFalse->getValue());
    kOSBooleanFalse->release();
    kOSBooleanFalse->release();
    EXPECT_FALSE(kOSBooleanFalse->isEqualTo(kOSBooleanTrue));
    EXPECT_STREQ(kOSBooleanTrue->getMetaClass()->getClassName(), "OSBoolean");
}

TEST(Array, Members_AreRetainedAndReleased) {
    const auto text = Text("member");
    const auto array = Own(OSArray::withCapacity(1));
    EXPECT_TRUE(array->setObject(text.get()));
    EXPECT_TRUE(array->setObject(text.get()));
    EXPECT_EQ(ObjectInternals::References(text.get()), 3u);
    array->removeObject(0);
    EXPECT_EQ(ObjectInternals::References(text.get()), 2u);
    EXPECT_EQ(array->getCount(), 1u);
    EXPECT_EQ(array->getObject(0), text.get());
    EXPECT_EQ(array->getObject(1), nullptr);
    EXPECT_FALSE(array->setObject(nullptr));
    array->flushCollection();
    EXPECT_EQ(ObjectInternals::References(text.get()), 1u);
}

TEST(Array, InsertReplaceAndSearch_WorkByIndex) {
    const auto a = Text("a");
    const auto b = Text("b");
    const auto array = Own(OSArrayCreate());
    OSArrayAppendValue(array.get(), a.get());
    EXPECT_TRUE(OSArraySetValue(array.get(), 0, b.get()));
    EXPECT_EQ(array->getNextIndexOfObject(a.get(), 0), 1u);
    EXPECT_EQ(array->getNextIndexOfObject(b.get(), 1), UINT32_MAX);
    EXPECT_TRUE(OSArrayReplaceValue(array.get(), 0, a.get()));
    EXPECT_FALSE(OSArrayReplaceValue(array.get(), 2, a.get()));
    EXPECT_STREQ(OSArrayGetStringValue(array.get(), 0), "a");
    OSArraySetUInt64Value(array.get(), kOSArrayAppend, 77);
    EXPECT_EQ(OSArrayGetUInt64Value(array.get(), 2), 77u);
    EXPECT_EQ(OSArrayGetUInt64Value(array.get(), 0), 0u);
    EXPECT_EQ(array->getLastObject(), array->getObject(2));
}

TEST(Array, Iteration_StopsWhenTheBlockReturnsTrue) {
    const auto array = Own(OSArrayCreate());
    for (int i = 0; i < 4; ++i) {
        OSArraySetUInt64Value(array.get(), kOSArrayAppend, static_cast<uint64_t>(i));
    }
    __block int num_seen = 0;
    EXPECT_TRUE(array->iterateObjects(^bool(OSObject *object) {
        ++num_seen;
        return OSDynamicCast(OSNumber, object)->unsigned32BitValue() == 1;
    }));
    EXPECT_EQ(num_seen, 2);
    EXPECT_FALSE(OSArrayApply(array.get(), ^bool(OSObject *) { return false; }));
}

TEST(Array, Equality_IsByMembersAndOrder) {
    const auto first = Own(OSArrayCreate());
    const auto second = Own(OSArrayCreate());
    OSArraySetStringValue(first.get(), kOSArrayAppend, "x");
    OSArraySetStringValue(second.get(), kOSArrayAppend, "x");
    EXPECT_TRUE(first->isEqualTo(second.get()));
    OSArraySetStringValue(second.get(), kOSArrayAppend, "y");
    EXPECT_FALSE(first->isEqualTo(second.get()));
    EXPECT_TRUE(second->isEqualTo(Own(OSArray::withArray(second.get())).get()));
}

TEST(Dictionary, SetGetRemove_WorkByName) {
    const auto dictionary = Own(OSDictionaryCreate());
    const auto value = Text("value");
    EXPECT_TRUE(dictionary->setObject("key", value.get()));
    EXPECT_TRUE(dictionary->setObject(Text("key").get(), value.get()));
    EXPECT_EQ(dictionary->getCount(), 1u);
    EXPECT_EQ(ObjectInternals::References(value.get()), 2u);
    EXPECT_EQ(dictionary->getObject(Text("key").get()), value.get());
    EXPECT_EQ(dictionary->getObject("other"), nullptr);
    dictionary->removeObject("key");
    EXPECT_EQ(dictionary->getCount(), 0u);
    EXPECT_EQ(ObjectInternals::References(value.get()), 1u);
    EXPECT_FALSE(dictionary->setObject("key", nullptr));
}

TEST(Dictionary, ScalarHelpers_WrapValues) {
    const auto dictionary = Own(OSDictionaryCreate());
    OSDictionarySetUInt64Value(dictionary.get(), "number", UINT64_MAX);
    OSDictionarySetStringValue(dictionary.get(), "string", "s");
    EXPECT_TRUE(OSDictionarySetValue(dictionary.get(), "flag", kOSBooleanTrue));
    EXPECT_EQ(OSDictionaryGetUInt64Value(dictionary.get(), "number"), UINT64_MAX);
    EXPECT_EQ(OSDictionaryGetUInt64Value(dictionary.get(), "string"), 0u);
    EXPECT_STREQ(OSDictionaryGetStringValue(dictionary.get(), "string"), "s");
    EXPECT_EQ(OSDictionaryGetStringValue(dictionary.get(), "number"), nullptr);
    EXPECT_EQ(OSDictionaryGetValue(dictionary.get(), "flag"), kOSBooleanTrue);
    std::string keys;
    auto *const keys_out = &keys;
    EXPECT_FALSE(OSDictionaryApply(dictionary.get(), ^bool(const char *key, OSObject *) {
        *keys_out += key;
        return false;
    }));
    EXPECT_EQ(keys, "numberstringflag");
}

TEST(Dictionary, MergeAndEquality_LookAtContents) {
    const auto first = Own(OSDictionary::withCapacity(2));
    const auto second = Own(OSDictionaryCreate());
    OSDictionarySetUInt64Value(first.get(), "a", 1);
    OSDictionarySetUInt64Value(first.get(), "b", 2);
    OSDictionarySetUInt64Value(second.get(), "b", 2);
    EXPECT_FALSE(first->isEqualTo(second.get()));
    EXPECT_TRUE(second->merge(first.get()));
    EXPECT_TRUE(first->isEqualTo(second.get()));
    EXPECT_TRUE(first->isEqualTo(Own(OSDictionary::withDictionary(first.get())).get()));
}

TEST(Set, MembersAre_ObjectsNotContents) {
    const auto a = Text("same");
    const auto b = Text("same");
    const auto set = Own(OSSet::withCapacity(1));
    EXPECT_TRUE(set->setObject(a.get()));
    EXPECT_FALSE(set->setObject(a.get()));
    EXPECT_TRUE(set->setObject(b.get()));
    EXPECT_EQ(set->getCount(), 2u);
    set->removeObject(a.get());
    EXPECT_FALSE(set->containsObject(a.get()));
    EXPECT_EQ(set->getAnyObject(), b.get());
}

TEST(OrderedSet, Order_IsThatOfInsertion) {
    const auto array = Own(OSArrayCreate());
    OSArraySetUInt64Value(array.get(), kOSArrayAppend, 1);
    OSArraySetUInt64Value(array.get(), kOSArrayAppend, 2);
    array->setObject(array->getObject(0));
    const auto set = Own(OSOrderedSet::withArray(array.get()));
    EXPECT_EQ(set->getCount(), 2u);
    EXPECT_EQ(set->getFirstObject(), array->getObject(0));
    EXPECT_EQ(set->getLastObject(), array->getObject(1));
    EXPECT_TRUE(set->isEqualTo(Own(OSOrderedSet::withArray(array.get())).get()));
}

TEST(Collections, FreedContainer_FreesWhatOnlyItHeld) {
    const int64_t before = TotalLiveObjects();
    {
        const auto dictionary = Own(OSDictionaryCreate());
        OSDictionarySetStringValue(dictionary.get(), "a", "b");
        const auto array = Own(OSArrayCreate());
        array->setObject(dictionary.get());
        OSArraySetUInt64Value(array.get(), kOSArrayAppend, 3);
    }
    EXPECT_EQ(TotalLiveObjects(), before);
}

TEST(PropertyConversion, RoundTrip_KeepsEverything) {
    const PropertyValue value(PropertyValue::Dictionary{
        {"array", PropertyValue::Array{"text", true, PropertyValue::FromInteger(7, 16)}},
        {"data", PropertyValue::Data{1, 2, 3}},
        {"empty", PropertyValue::Data{}},
        {"number", PropertyValue::FromInteger(0x123456789abcdef0)},
    });
    OSSharedPtr<OSObject> object(FromPropertyValue(value), OSNoRetain);
    ASSERT_NE(OSDynamicCast(OSDictionary, object.get()), nullptr);
    const auto back = ToPropertyValue(object.get());
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, value);
}

TEST(PropertyConversion, OtherObjects_AreNamedInTheError) {
    const auto dictionary = Own(OSDictionaryCreate());
    const auto other = Own(OSTypeAlloc(OSObject));
    dictionary->setObject("key", other.get());
    const auto value = ToPropertyValue(dictionary.get());
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().substr(0, 27), "key: an object of class OSO");
}

TEST(PropertyConversion, ContainerInItself_IsAnErrorNotACrash) {
    const auto array = Own(OSArrayCreate());
    array->setObject(array.get());
    EXPECT_FALSE(ToPropertyValue(array.get()).has_value());
    array->flushCollection();
}

TEST(Collections, SetsAndDictionariesOfArrays_HaveTheirMembers) {
    OSSharedPtr<OSString> first(OSString::withCString("first"), OSNoRetain);
    OSSharedPtr<OSString> second(OSString::withCString("second"), OSNoRetain);
    const OSObject *objects[] = {first.get(), second.get()};
    OSSharedPtr<OSSet> set(OSSet::withObjects(objects, 2), OSNoRetain);
    EXPECT_TRUE(set->member(first.get()));
    EXPECT_TRUE(set->member(second.get()));
    EXPECT_FALSE(set->member(nullptr));
    OSSharedPtr<OSDictionary> dictionary(OSDictionary::withObjects(objects, objects, 2),
                                         OSNoRetain);
    EXPECT_EQ(dictionary->getCount(), 2u);
    EXPECT_EQ(dictionary->getObject("second"), second.get());
    EXPECT_EQ(first->getRetainCount(), 4u) << "the set, the key, the value and this test";
    EXPECT_STREQ(first->GetClassName(), "OSString");
    EXPECT_EQ(first->GetClass(), OSTypeID(OSString));
}

TEST(Collections, ArraysWithoutMembers_MakeNoSetAndNoDictionary) {
    const OSObject *none[] = {nullptr};
    OSSharedPtr<OSData> data(OSData::withCapacity(0), OSNoRetain);
    const OSObject *no_key[] = {data.get()};
    EXPECT_EQ(OSSet::withObjects(none, 1), nullptr);
    EXPECT_EQ(OSSet::withObjects(nullptr, 1), nullptr);
    EXPECT_EQ(OSDictionary::withObjects(no_key, no_key, 1), nullptr);
    EXPECT_EQ(OSDictionary::withObjects(nullptr, no_key, 1), nullptr);
    OSSharedPtr<OSDictionary> empty(OSDictionary::withObjects(nullptr, nullptr, 0), OSNoRetain);
    EXPECT_EQ(empty->getCount(), 0u);
}

TEST(Collections, SetMergesAnArray) {
    OSSharedPtr<OSString> string(OSString::withCString("one"), OSNoRetain);
    OSSharedPtr<OSArray> array(OSArray::withCapacity(2), OSNoRetain);
    array->setObject(string.get());
    array->setObject(string.get());
    OSSharedPtr<OSSet> set(OSSet::withCapacity(0), OSNoRetain);
    EXPECT_TRUE(set->merge(array.get()));
    EXPECT_EQ(set->getCount(), 1u);
    EXPECT_FALSE(set->merge(nullptr));
}

TEST(Collections, OrderedSet_TakesMembersAtBothEnds) {
    OSSharedPtr<OSString> first(OSString::withCString("first"), OSNoRetain);
    OSSharedPtr<OSString> last(OSString::withCString("last"), OSNoRetain);
    OSSharedPtr<OSOrderedSet> set(OSOrderedSet::withCapacity(0), OSNoRetain);
    EXPECT_TRUE(set->setLastObject(last.get()));
    EXPECT_TRUE(set->setFirstObject(first.get()));
    EXPECT_FALSE(set->setFirstObject(last.get()));
    EXPECT_FALSE(set->setFirstObject(nullptr));
    EXPECT_EQ(set->getFirstObject(), first.get());
    EXPECT_EQ(set->getLastObject(), last.get());
}

TEST(OrderedSet, OrderFunction_SaysWhereObjectsGo) {
    const auto by_value = [](const OSMetaClassBase *first, const OSMetaClassBase *second,
                             void *context) -> int32_t {
        ++*static_cast<int *>(context);
        const auto *a = OSDynamicCast(OSNumber, first);
        const auto *b = OSDynamicCast(OSNumber, second);
        const int64_t a_value = a != nullptr ? a->unsigned32BitValue() : 0;
        const int64_t b_value = b != nullptr ? b->unsigned32BitValue() : 0;
        return static_cast<int32_t>(b_value - a_value);
    };
    int num_calls = 0;
    const auto set = Own(OSOrderedSet::withCapacity(3, by_value, &num_calls));
    for (const uint64_t value : {5, 1, 9, 5}) {
        EXPECT_TRUE(set->setObject(Own(OSNumber::withNumber(value, 32)).get()));
    }
    std::vector<uint32_t> values;
    for (uint32_t i = 0; i < set->getCount(); ++i) {
        values.push_back(OSDynamicCast(OSNumber, set->getObject(i))->unsigned32BitValue());
    }
    EXPECT_EQ(values, (std::vector<uint32_t>{1, 5, 5, 9}));
    EXPECT_GT(num_calls, 0);
    EXPECT_EQ(set->orderObject(Own(OSNumber::withNumber(3, 32)).get()), -3);
    EXPECT_EQ(Own(OSOrderedSet::withCapacity(1))->orderObject(set.get()), 0);
}

TEST(Collections, Copy_HasCopiesOfCollectionsAndSharesTheRest) {
    const auto inner = Own(OSArray::withCapacity(1));
    inner->setObject(Text("shared").get());
    const auto dictionary = Own(OSDictionary::withCapacity(2));
    dictionary->setObject("a", inner.get());
    dictionary->setObject("b", inner.get());
    const auto copy = Own(dictionary->copyCollection());
    ASSERT_TRUE(copy);
    auto *copied = OSDynamicCast(OSDictionary, copy.get());
    EXPECT_TRUE(copied->isEqualTo(dictionary.get()));
    EXPECT_NE(copied->getObject("a"), inner.get());
    EXPECT_EQ(copied->getObject("a"), copied->getObject("b")) << "one object is one copy";
    EXPECT_EQ(OSDynamicCast(OSArray, copied->getObject("a"))->getObject(0), inner->getObject(0));
}

TEST(Collections, CopyOfEachKind_IsOfThatKind) {
    const auto member = Text("member");
    const auto set = Own(OSSet::withCapacity(1));
    const auto ordered = Own(OSOrderedSet::withCapacity(1));
    set->setObject(member.get());
    ordered->setObject(member.get());
    EXPECT_TRUE(Own(set->copyCollection())->isEqualTo(set.get()));
    EXPECT_TRUE(Own(ordered->copyCollection())->isEqualTo(ordered.get()));
}

TEST(Collections, CollectionInItself_IsCopiedOnce) {
    const auto array = Own(OSArray::withCapacity(1));
    array->setObject(array.get());
    const auto known = Own(OSDictionary::withCapacity(1));
    const auto copy = Own(array->copyCollection(known.get()));
    ASSERT_TRUE(copy);
    auto *copied = OSDynamicCast(OSArray, copy.get());
    EXPECT_NE(copied, array.get());
    EXPECT_EQ(copied->getObject(0), copied);
    EXPECT_EQ(known->getCount(), 1u);
    EXPECT_EQ(Own(array->copyCollection(known.get())).get(), copied);
    array->flushCollection();
    copied->flushCollection();
}

TEST(Collections, Types_HaveNumbersAndNames) {
    const auto type_of = [](const OSSharedPtr<OSObject> &object) {
        return OSCollectionTypeID(object.get());
    };
    EXPECT_EQ(type_of(Text("a")), kOSCollectionTypeString);
    EXPECT_EQ(type_of(Own(OSArray::withCapacity(1))), kOSCollectionTypeArray);
    EXPECT_EQ(type_of(Own(OSDictionary::withCapacity(1))), kOSCollectionTypeDictionary);
    EXPECT_EQ(type_of(Own(OSSet::withCapacity(1))), kOSCollectionTypeSet);
    EXPECT_EQ(type_of(Own(OSOrderedSet::withCapacity(1))), kOSCollectionTypeSet);
    EXPECT_EQ(type_of(Own(OSNumber::withNumber(1, 8))), kOSCollectionTypeNumber);
    EXPECT_EQ(type_of(Own(OSData::withCapacity(1))), kOSCollectionTypeData);
    EXPECT_EQ(OSCollectionTypeID(kOSBooleanTrue), kOSCollectionTypeBoolean);
    EXPECT_EQ(type_of(Own(OSTypeAlloc(OSObject))), 0u);
    EXPECT_EQ(OSCollectionTypeID(nullptr), 0u);
    EXPECT_STREQ(OSCollectionTypeName(kOSCollectionTypeData), "OSData");
    EXPECT_EQ(OSCollectionTypeName(12), nullptr);
    OSCollectionsInitialize();
}

TEST(String, Literal_IsOneObjectForEver) {
    const int64_t before = TotalLiveObjects();
    OSString *first = nullptr;
    for (int i = 0; i < 2; ++i) {
        OSString *string = OSSTR("literal");
        EXPECT_TRUE(string->isEqualTo("literal"));
        EXPECT_TRUE(first == nullptr || first == string);
        first = string;
    }
    EXPECT_TRUE(OSSTR("other")->isEqualTo("other"));
    EXPECT_EQ(TotalLiveObjects(), before) << "they do not look like leaks";
}

}  // namespace
}  // namespace opendext::object
