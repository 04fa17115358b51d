// SPDX-License-Identifier: Apache-2.0
#include "channel/wire/call_slot.h"

#include "base/checked.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

#pragma clang section text = "opendext_call_driver"
int32_t ValidateRequest(const RequestHeader &header) {
    if (header.num_scalars > kMaxScalars || header.scalar_output_capacity > kMaxScalars ||
        header.num_references > kMaxAsyncReferences) {
        return kMigArrayTooLarge;
    }
    const uint8_t flags = header.flags;
    const bool has_input_slice = (flags & kRequestInputSlice) != 0;
    const bool has_output_elsewhere = (flags & (kRequestOutputSlice | kRequestVariableOutput)) != 0;
    const bool has_two_outputs =
        (flags & kRequestOutputSlice) != 0 && (flags & kRequestVariableOutput) != 0;
    const bool is_async = (flags & kRequestAsync) != 0;
    if ((flags & ~kRequestKnownFlags) != 0 || has_two_outputs ||
        header.num_inline_bytes > kMaxInlineBytes ||
        header.inline_output_capacity > kMaxInlineBytes ||
        (has_input_slice && header.num_inline_bytes != 0) ||
        (!has_input_slice && (flags & kRequestInputCopied) != 0) ||
        (has_output_elsewhere && header.inline_output_capacity != 0) ||
        is_async != (header.num_references != 0)) {
        return kIoIpcError;
    }
    return kSuccess;
}

bool SliceIsValid(const WireSlice &slice, uint64_t num_region_bytes) {
    return slice.length != 0 && RangeIsWithin(slice.offset, slice.length, num_region_bytes);
}

bool ReplyIsValid(const ReplyHeader &reply, const RequestHeader &request) {
    const bool is_variable = (request.flags & kRequestVariableOutput) != 0;
    const uint64_t capacity = is_variable ? kMaxInlineBytes : request.inline_output_capacity;
    const bool has_variable_output = (reply.flags & kReplyVariableOutput) != 0;
    return reply.num_scalars <= request.scalar_output_capacity &&
           reply.num_structure_bytes <= capacity && (is_variable || !has_variable_output);
}
#pragma clang section text = ""

}  // namespace opendext::channel
