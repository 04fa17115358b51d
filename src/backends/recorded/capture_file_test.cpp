// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/capture_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_cursor.h"

namespace opendext::backends {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Bytes = std::vector<std::byte>;

Bytes Payload(size_t num_bytes) {
    return Bytes(num_bytes, std::byte{0xA5});
}

Bytes Recording(size_t num_packets) {
    Bytes file;
    EncodeCaptureStart(220, "test", file);
    for (size_t i = 0; i < num_packets; ++i) {
        EncodeCapturePacket(1'000'000'001 + i, Payload(5 + i), i == 0 ? "a note" : "", file);
    }
    return file;
}

void PutBlock(ByteWriter &writer, uint32_t type, const Bytes &body) {
    const auto length = static_cast<uint32_t>(body.size() + 12);
    writer.Put(type).Put(length).PutBytes(body).Put(length);
}

TEST(CaptureFile, WhatIsWritten_IsReadBack) {
    const Bytes file = Recording(3);
    const auto contents = ReadCaptureFile(file);
    ASSERT_TRUE(contents) << contents.error().ToString();
    EXPECT_FALSE(contents->cut);
    ASSERT_THAT(contents->packets, SizeIs(3));
    const CapturePacket &first = contents->packets[0];
    EXPECT_EQ(first.number, 1U);
    EXPECT_EQ(first.link_type, 220);
    EXPECT_EQ(first.time_nanoseconds, 1'000'000'001U);
    EXPECT_EQ(first.bytes.size(), 5U);
    EXPECT_EQ(first.comment, "a note");
    EXPECT_EQ(contents->packets[2].bytes.size(), 7U);
    EXPECT_EQ(contents->packets[2].comment, "");
}

TEST(CaptureFile, SectionOfTheOtherByteOrder_IsRead) {
    Bytes file;
    ByteWriter writer(file, std::endian::big);
    Bytes body;
    ByteWriter(body, std::endian::big)
        .Put(0x1A2B3C4DU)
        .Put(uint16_t{1})
        .Put(uint16_t{0})
        .Put(int64_t{-1});
    PutBlock(writer, 0x0A0D0D0A, body);
    body.clear();
    ByteWriter(body, std::endian::big).Put(uint16_t{189}).Put(uint16_t{0}).Put(uint32_t{0});
    PutBlock(writer, 1, body);
    body.clear();
    ByteWriter(body, std::endian::big)  // a block that nobody knows
        .Put(uint32_t{7});
    PutBlock(writer, 0x0BAD, body);
    body.clear();
    ByteWriter(body, std::endian::big)
        .Put(uint32_t{0})
        .Put(uint32_t{0})
        .Put(uint32_t{1500})  // microseconds, when nothing is said
        .Put(uint32_t{4})
        .Put(uint32_t{9})
        .PutBytes(Payload(4));
    PutBlock(writer, 6, body);
    const auto contents = ReadCaptureFile(file);
    ASSERT_TRUE(contents) << contents.error().ToString();
    ASSERT_THAT(contents->packets, SizeIs(1));
    EXPECT_EQ(contents->packets[0].order, std::endian::big);
    EXPECT_EQ(contents->packets[0].link_type, 189);
    EXPECT_EQ(contents->packets[0].time_nanoseconds, 1'500'000U);
    EXPECT_EQ(contents->packets[0].original_bytes, 9U);
}

TEST(CaptureFile, ClassicPcap_IsReadInBothByteOrders) {
    for (const std::endian order : {std::endian::little, std::endian::big}) {
        Bytes file;
        ByteWriter(file, order)
            .Put(0xA1B2C3D4U)
            .Put(uint16_t{2})
            .Put(uint16_t{4})
            .PutZeros(8)
            .Put(uint32_t{65535})
            .Put(uint32_t{220})
            .Put(uint32_t{2})
            .Put(uint32_t{3})
            .Put(uint32_t{4})
            .Put(uint32_t{4})
            .PutBytes(Payload(4));
        const auto contents = ReadCaptureFile(file);
        ASSERT_TRUE(contents) << contents.error().ToString();
        ASSERT_THAT(contents->packets, SizeIs(1));
        EXPECT_EQ(contents->packets[0].time_nanoseconds, 2'000'003'000U);
        EXPECT_EQ(contents->packets[0].bytes.size(), 4U);
    }
}

TEST(CaptureFile, FileCutAnywhere_GivesWhatIsWhole) {
    const Bytes file = Recording(2);
    for (size_t length = 4; length < file.size(); ++length) {
        const auto contents = ReadCaptureFile(std::span(file).first(length));
        if (length < 12) {
            EXPECT_TRUE(!contents || contents->cut) << length;
            continue;
        }
        ASSERT_TRUE(contents) << length << ": " << contents.error().ToString();
        EXPECT_LT(contents->packets.size(), 2U);
        if (contents->cut) {
            EXPECT_LE(contents->cut->offset, length);
        }
    }
}

TEST(CaptureFile, CutBlock_IsToldWithItsByte) {
    const Bytes file = Recording(1);
    const auto contents = ReadCaptureFile(std::span(file).first(file.size() - 1));
    ASSERT_TRUE(contents);
    EXPECT_THAT(contents->packets, IsEmpty());
    ASSERT_TRUE(contents->cut);
    EXPECT_THAT(contents->cut->ToString(), HasSubstr("and the file ends after"));
}

struct Lie {
    const char *name;
    size_t offset;  // behind the start of the file
    uint32_t value;
    const char *complaint;
};

class CaptureFileLie : public ::testing::TestWithParam<Lie> {};

TEST_P(CaptureFileLie, IsToldWithItsByte) {
    Bytes file = Recording(1);
    size_t begin = 0;
    {
        const Bytes start = Recording(0);
        begin = start.size();
    }
    Bytes value;
    ByteWriter(value, std::endian::native).Put(GetParam().value);
    std::ranges::copy(value, file.begin() + static_cast<ptrdiff_t>(begin + GetParam().offset));
    const auto contents = ReadCaptureFile(file);
    ASSERT_FALSE(contents);
    EXPECT_EQ(contents.error().offset, begin);
    EXPECT_THAT(contents.error().ToString(), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(Fields, CaptureFileLie,
                         ::testing::Values(Lie{"BlockTooShort", 4, 8, "a block of 8 bytes"},
                                           Lie{"BlockNotAligned", 4, 33, "a block of 33 bytes"},
                                           Lie{"LengthsDiffer", 4, 36, "at its end says"},
                                           Lie{"PacketTooLong", 20, 4000, "a packet of 4000 bytes"},
                                           Lie{"NoSuchInterface", 8, 1, "a packet of interface 1"}),
                         [](const auto &info) { return info.param.name; });

TEST(CaptureFile, OtherFiles_AreRefused) {
    EXPECT_FALSE(ReadCaptureFile({}));
    EXPECT_FALSE(ReadCaptureFile(Payload(100)));
    const Bytes file = Recording(1);
    EXPECT_FALSE(ReadCaptureFile(std::span(file).subspan(4)));
}

}  // namespace
}  // namespace opendext::backends
