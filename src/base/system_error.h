// SPDX-License-Identifier: Apache-2.0
/// @file system_error.h
/// A failed system call as a value, for std::expected.
#pragma once

#include <string>

namespace opendext {

/// Which call failed, and with which errno. Any thread; trivially copyable.
struct SystemError {
    const char *call = "";  ///< Name of the call, with static storage: "mmap".
    int error_number = 0;   ///< The errno it left.

    /// The error of the call that just failed on this thread.
    [[nodiscard]] static SystemError FromErrno(const char *call);

    /// One line: "mmap: Cannot allocate memory (errno 12)".
    [[nodiscard]] std::string ToString() const;

    bool operator==(const SystemError &other) const { return error_number == other.error_number; }
};

}  // namespace opendext
