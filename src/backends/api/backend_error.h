// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

namespace opendext::backends {

/// Why a backend refused. The family turns the code into the API's own code; the text goes to the log.
enum class BackendErrorCode {
    kUnsupported,      ///< The device cannot do this (no such capability).
    kInvalidArgument,  ///< Out of the documented range: a mistake of the caller.
    kNoResources,      ///< No memory, descriptors, vectors or I/O addresses left.
    kNotFound,         ///< No such range, vector or mapping.
    kNotAligned,       ///< The pieces cannot be made contiguous for the device.
    kAddressTooWide,   ///< No address left below the width limit.
    kBusy,             ///< In use in another way already.
    kRemoved,          ///< The device is gone.
};

struct BackendError {
    BackendErrorCode code;
    std::string message;  ///< One line: what, where, and what to do.
};

template <typename T>
using BackendResult = std::expected<T, BackendError>;

[[nodiscard]] inline std::unexpected<BackendError> Refuse(BackendErrorCode code,
                                                          std::string message) {
    return std::unexpected(BackendError{code, std::move(message)});
}

}  // namespace opendext::backends
