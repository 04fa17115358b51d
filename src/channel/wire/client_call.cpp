// SPDX-License-Identifier: Apache-2.0
#include "channel/wire/client_call.h"

#include <algorithm>

#include "channel/wire/io_result.h"

namespace opendext::channel {

#pragma clang section text = "opendext_call_app"

namespace {

int32_t CheckScalars(const ClientCall &call, CheckedCall &checked) {
    checked.num_scalars = call.num_scalars;
    if (checked.num_scalars > kMaxScalars) {
        return kMigArrayTooLarge;
    }
    // More room than can be filled is fine: the original's stubs ask for what there can be.
    checked.scalar_output_capacity =
        call.num_scalar_output == nullptr ? 0 : std::min(*call.num_scalar_output, kMaxScalars);
    const bool lacks_input = checked.num_scalars != 0 && call.scalars == nullptr;
    const bool lacks_output = checked.scalar_output_capacity != 0 && call.scalar_output == nullptr;
    return lacks_input || lacks_output ? kIoBadArgument : kSuccess;
}

int32_t CheckStructures(const ClientCall &call, CheckedCall &checked) {
    checked.num_structure_bytes = call.num_structure_bytes;
    if (checked.num_structure_bytes != 0 && call.structure == nullptr) {
        return kIoBadArgument;
    }
    const uint64_t capacity = call.num_structure_output == nullptr ? 0 : *call.num_structure_output;
    if (capacity == kVariableOutput) {
        checked.is_variable_output = true;
        return call.variable_output == nullptr ? kIoBadArgument : kSuccess;
    }
    if (capacity > UINT32_MAX) {
        return kIoIpcError;
    }
    checked.structure_output_capacity = capacity;
    return capacity != 0 && call.structure_output == nullptr ? kIoBadArgument : kSuccess;
}

int32_t CheckAsync(const ClientCall &call) {
    if (call.async == nullptr) {
        return kSuccess;
    }
    if (call.async->num_references > kMaxAsyncReferences) {
        return kMigArrayTooLarge;
    }
    return call.async->num_references == 0 ? kIoBadArgument : kSuccess;
}

}  // namespace

std::expected<CheckedCall, int32_t> CheckClientCall(const ClientCall &call) {
    CheckedCall checked;
    for (const int32_t result :
         {CheckScalars(call, checked), CheckStructures(call, checked), CheckAsync(call)}) {
        if (result != kSuccess) {
            return std::unexpected(result);
        }
    }
    return checked;
}

#pragma clang section text = ""

}  // namespace opendext::channel
