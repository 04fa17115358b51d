// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>

#include "benchmarks/samples.h"

namespace opendext::bench {

/// An ioctl, 8 bytes in and 8 out, on a file of a FUSE file system that another process serves: the way to a
/// driver outside the kernel that Linux has. Adds `count` calls. The mount is gone afterwards, also when this
/// process is killed. @return one line that says why FUSE does not work here.
[[nodiscard]] std::expected<void, std::string> MeasureFuseIoctl(size_t count, Samples &samples);

}  // namespace opendext::bench
