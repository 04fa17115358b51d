// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace {

OSSharedPtr<OSDictionary> Sample() {
    OSSharedPtr<OSDictionary> dictionary(OSDictionary::withCapacity(2), OSNoRetain);
    OSDictionarySetStringValue(dictionary.get(), "name", "value");
    OSDictionarySetUInt64Value(dictionary.get(), "number", 1ULL << 63);
    return dictionary;
}

std::vector<uint8_t> BytesOf(OSObject *object) {
    OSSharedPtr<OSSerialization> serialization(OSSerialization::createFromObject(object),
                                               OSNoRetain);
    size_t length = 0;
    const auto *bytes = static_cast<const uint8_t *>(serialization->finalizeBuffer(&length));
    return {bytes, bytes + length};
}

TEST(Serialization, Bytes_BecomeAnEqualObject) {
    const OSSharedPtr<OSDictionary> dictionary = Sample();
    const std::vector<uint8_t> bytes = BytesOf(dictionary.get());
    OSSharedPtr<OSSerialization> read(
        OSSerialization::createFromBytes(bytes.data(), bytes.size(), nullptr), OSNoRetain);
    ASSERT_TRUE(read);
    OSSharedPtr<OSObject> object(read->copyObject(), OSNoRetain);
    ASSERT_TRUE(object);
    EXPECT_NE(object.get(), dictionary.get());
    EXPECT_TRUE(dictionary->isEqualTo(object.get()));
    size_t length = 0;
    EXPECT_EQ(read->finalizeBuffer(&length), bytes.data());
    EXPECT_EQ(length, bytes.size());
}

TEST(Serialization, GivenBytes_AreFreedOnceWithTheObject) {
    const std::vector<uint8_t> bytes = BytesOf(Sample().get());
    auto *copy = static_cast<uint8_t *>(IOMalloc(bytes.size()));
    std::memcpy(copy, bytes.data(), bytes.size());
    __block int num_freed = 0;
    OSSerialization *read =
        OSCreateSerializationFromBytes(copy, bytes.size(), ^(const void *given, size_t length) {
            ++num_freed;
            OSSerialization::freeBuffer(given, length);
        });
    ASSERT_NE(read, nullptr);
    OSObject *object = OSCreateObjectFromSerialization(read);
    EXPECT_EQ(num_freed, 0);
    read->release();
    EXPECT_EQ(num_freed, 1);
    EXPECT_EQ(OSDictionaryGetCount(OSDynamicCast(OSDictionary, object)), 2U)
        << "an object outlives the bytes";
    object->release();
}

TEST(Serialization, BytesThatAreNone_GiveNothingAndAreFreed) {
    __block int num_freed = 0;
    EXPECT_EQ(
        OSSerialization::createFromBytes("nonsense", 8, ^(const void *, size_t) { ++num_freed; }),
        nullptr);
    EXPECT_EQ(num_freed, 1);
    EXPECT_EQ(OSSerialization::createFromBytes(nullptr, 8, nullptr), nullptr);
}

TEST(Serialization, OtherObjects_CannotBeWritten) {
    EXPECT_EQ(OSSerialization::createFromObject(nullptr), nullptr);
    OSSharedPtr<OSObject> object(OSTypeAlloc(OSObject), OSNoRetain);
    EXPECT_EQ(OSCreateSerializationFromObject(object.get()), nullptr);
    EXPECT_EQ(OSCreateObjectFromSerialization(nullptr), nullptr);
    EXPECT_EQ(OSSerializationGetBytes(nullptr, nullptr), nullptr);
}

}  // namespace
