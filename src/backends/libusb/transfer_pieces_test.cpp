// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/transfer_pieces.h"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace opendext::backends {
namespace {

constexpr uint64_t kKiB = 1024;

/// A buffer of spans of these lengths, filled with a running count.
struct Buffer {
    explicit Buffer(const std::vector<uint64_t> &lengths) {
        bytes.resize(std::accumulate(lengths.begin(), lengths.end(), uint64_t{0}));
        for (size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<std::byte>(i % 251);
        }
        std::byte *next = bytes.data();
        for (const uint64_t length : lengths) {
            spans.push_back({.address = next, .num_bytes = length});
            next += length;
        }
    }

    std::vector<TransferPiece> Cut() const {
        std::vector<TransferPiece> pieces;
        PieceCutter cutter(spans, bytes.size());
        while (!cutter.is_done()) {
            pieces.push_back(cutter.Peek());
            cutter.Take(pieces.back());
        }
        return pieces;
    }

    std::vector<std::byte> bytes;
    std::vector<HostSpan> spans;
};

TEST(PieceCutter, NoBytes_AreOneEmptyPiece) {
    const std::vector<TransferPiece> pieces = Buffer({}).Cut();
    ASSERT_EQ(pieces.size(), 1U);
    EXPECT_EQ(pieces[0].num_bytes, 0U);
}

TEST(PieceCutter, ContiguousMemory_IsNotCopied) {
    const Buffer buffer({kKiB * kKiB * 2 + 100});
    const std::vector<TransferPiece> pieces = buffer.Cut();
    ASSERT_EQ(pieces.size(), 3U);
    EXPECT_EQ(pieces[0].memory, buffer.bytes.data());
    EXPECT_EQ(pieces[1].memory, buffer.bytes.data() + PieceCutter::kMaxPieceBytes);
    EXPECT_EQ(pieces[2].num_bytes, 100U);
    EXPECT_NE(pieces[2].memory, nullptr);
}

TEST(PieceCutter, SmallSpans_AreTakenTogether) {
    const std::vector<TransferPiece> pieces = Buffer({13, 0, 500, 4096}).Cut();
    ASSERT_EQ(pieces.size(), 1U);
    EXPECT_EQ(pieces[0].memory, nullptr);
    EXPECT_EQ(pieces[0].num_bytes, 13U + 500 + 4096);
}

TEST(PieceCutter, OnlyTheLastPiece_EndsInsideAPacket) {
    for (const std::vector<uint64_t> &lengths : {
             std::vector<uint64_t>{100 * kKiB + 1, 100 * kKiB + 1, 3},
             std::vector<uint64_t>{7, 2 * kKiB * kKiB + 5, 300 * kKiB},
             std::vector<uint64_t>{0, 0, 64 * kKiB, 0, 1},
             std::vector<uint64_t>(1000, 4095),
         }) {
        const Buffer buffer(lengths);
        const std::vector<TransferPiece> pieces = buffer.Cut();
        uint64_t sum = 0;
        for (size_t i = 0; i < pieces.size(); ++i) {
            EXPECT_TRUE(i + 1 == pieces.size() || pieces[i].num_bytes % kKiB == 0) << i;
            EXPECT_TRUE(pieces[i].num_bytes > 0);
            std::vector<std::byte> copy(pieces[i].num_bytes);
            CopyFromBuffer(buffer.spans, pieces[i].position, copy);
            EXPECT_TRUE(std::equal(copy.begin(), copy.end(), buffer.bytes.begin() + sum));
            EXPECT_TRUE(pieces[i].memory == nullptr || pieces[i].memory == &buffer.bytes[sum]);
            sum += pieces[i].num_bytes;
        }
        EXPECT_EQ(sum, buffer.bytes.size());
    }
}

TEST(PieceCutter, CopyIntoSpans_GoesOverTheirBorders) {
    Buffer buffer({10, 0, 10, 10});
    const std::vector<std::byte> data(15, std::byte{0xEE});
    CopyToBuffer(buffer.spans, {.span = 0, .offset = 8}, data);
    EXPECT_EQ(buffer.bytes[7], std::byte{7});
    EXPECT_EQ(buffer.bytes[8], std::byte{0xEE});
    EXPECT_EQ(buffer.bytes[22], std::byte{0xEE});
    EXPECT_EQ(buffer.bytes[23], std::byte{23});
}

}  // namespace
}  // namespace opendext::backends
