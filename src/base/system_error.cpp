// SPDX-License-Identifier: Apache-2.0
#include "base/system_error.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace opendext {

SystemError SystemError::FromErrno(const char *call) {
    return {.call = call, .error_number = errno};
}

std::string SystemError::ToString() const {
    return fmt::format("{}: {} (errno {})", call, std::generic_category().message(error_number),
                       error_number);
}

}  // namespace opendext
