// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>

#include <gtest/gtest.h>

#include "channel/wire/call_slot.h"
#include "channel/wire/client_call.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {
namespace {

int32_t ResultOf(const ClientCall &call) {
    const auto checked = CheckClientCall(call);
    return checked ? kSuccess : checked.error();
}

// semantics.md 2.3
TEST(ClientCallTest, MoreThanSixteenScalars_AreAnArrayTooLarge) {
    const std::array<uint64_t, 17> words = {};
    EXPECT_EQ(ResultOf({.scalars = words.data(), .num_scalars = 16}), kSuccess);
    EXPECT_EQ(ResultOf({.scalars = words.data(), .num_scalars = 17}), kMigArrayTooLarge);
}

// semantics.md 2.3
TEST(ClientCallTest, RoomForMoreThanSixteenScalarOutputs_IsRoomForSixteen) {
    std::array<uint64_t, 17> words = {};
    for (uint32_t count : {16U, 17U, UINT32_MAX}) {
        const auto checked =
            CheckClientCall({.scalar_output = words.data(), .num_scalar_output = &count});
        ASSERT_TRUE(checked) << checked.error();
        EXPECT_EQ(checked->scalar_output_capacity, 16U);
    }
}

TEST(ClientCallTest, NullPointerWithACount_IsABadArgument) {
    uint32_t count = 1;
    uint64_t size = 1;
    EXPECT_EQ(ResultOf({.num_scalars = 1}), kIoBadArgument);
    EXPECT_EQ(ResultOf({.num_structure_bytes = 1}), kIoBadArgument);
    EXPECT_EQ(ResultOf({.num_scalar_output = &count}), kIoBadArgument);
    EXPECT_EQ(ResultOf({.num_structure_output = &size}), kIoBadArgument);
    size = kVariableOutput;
    EXPECT_EQ(ResultOf({.num_structure_output = &size}), kIoBadArgument);
}

// semantics.md 2.4
TEST(ClientCallTest, OutputOfFourGibibytes_IsAnIpcError) {
    std::byte byte = {};
    uint64_t size = UINT64_C(1) << 32;
    EXPECT_EQ(ResultOf({.structure_output = &byte, .num_structure_output = &size}), kIoIpcError);
}

// semantics.md 2.3, 2.7
TEST(ClientCallTest, AsyncReferences_AreOneToEight) {
    AsyncTarget target;
    EXPECT_EQ(ResultOf({.async = &target}), kIoBadArgument);
    target.num_references = 8;
    EXPECT_EQ(ResultOf({.async = &target}), kSuccess);
    target.num_references = 9;
    EXPECT_EQ(ResultOf({.async = &target}), kMigArrayTooLarge);
}

TEST(ClientCallTest, SizesAboveTheInlineLimit_GoOutOfLine) {
    std::array<std::byte, 4097> bytes = {};
    uint64_t size = 4097;
    const auto large = CheckClientCall({.structure = bytes.data(),
                                        .num_structure_bytes = 4096,
                                        .structure_output = bytes.data(),
                                        .num_structure_output = &size});
    ASSERT_TRUE(large.has_value());
    EXPECT_FALSE(large->has_input_slice());
    EXPECT_TRUE(large->has_output_slice());
}

TEST(CallSlotTest, FieldsBeyondTheirLimits_AreRefused) {
    EXPECT_EQ(ValidateRequest({}), kSuccess);
    EXPECT_EQ(ValidateRequest({.num_scalars = 17}), kMigArrayTooLarge);
    EXPECT_EQ(ValidateRequest({.scalar_output_capacity = 17}), kMigArrayTooLarge);
    EXPECT_EQ(ValidateRequest({.num_references = 9, .flags = kRequestAsync}), kMigArrayTooLarge);
    EXPECT_EQ(ValidateRequest({.num_inline_bytes = 4097}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.inline_output_capacity = 4097}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.flags = 32}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.flags = kRequestInputCopied}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.flags = kRequestAsync}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.num_references = 1}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.flags = kRequestInputSlice, .num_inline_bytes = 1}), kIoIpcError);
    EXPECT_EQ(ValidateRequest({.flags = kRequestOutputSlice | kRequestVariableOutput}),
              kIoIpcError);
}

TEST(CallSlotTest, SlicesOutsideTheirRegion_AreRefused) {
    EXPECT_TRUE(SliceIsValid({.region_id = 1, .offset = 0, .length = 8192}, 8192));
    EXPECT_FALSE(SliceIsValid({.region_id = 1, .offset = 1, .length = 8192}, 8192));
    EXPECT_FALSE(SliceIsValid({.region_id = 1, .offset = UINT64_MAX, .length = 8192}, 8192));
    EXPECT_TRUE(SliceIsValid({.region_id = 1, .offset = 8191, .length = 1}, 8192));
    EXPECT_FALSE(SliceIsValid({.region_id = 1, .offset = 0, .length = 0}, 8192));
}

TEST(CallSlotTest, RepliesBeyondTheRequest_AreRefused) {
    const RequestHeader request = {.scalar_output_capacity = 2, .inline_output_capacity = 8};
    EXPECT_TRUE(ReplyIsValid({.num_scalars = 2, .num_structure_bytes = 8}, request));
    EXPECT_FALSE(ReplyIsValid({.num_scalars = 3}, request));
    EXPECT_FALSE(ReplyIsValid({.num_structure_bytes = 9}, request));
    EXPECT_FALSE(ReplyIsValid({.flags = kReplyVariableOutput}, request));
}

}  // namespace
}  // namespace opendext::channel
