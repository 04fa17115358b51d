// SPDX-License-Identifier: Apache-2.0
/// @file mapped_file.h
/// The file behind a shared mapping of this process: shm_open, a memfd, a file on a disk.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>

#include "base/shared_region.h"
#include "channel/memory/address_space.h"

namespace opendext::channel {

/// Finds the file that `area` shows: by the mapping itself where this process has the privilege, else by its path, else
/// among its open descriptors. What it may do with the file is no more than the mapping allows. Some ten microseconds; reads
/// /proc.
/// @param area a whole mapping, shared, as it is now.
/// @return the file with its present size; errno: ENOENT (not to be found, as an anonymous shared mapping without privilege),
///         EINVAL (not a regular file of this machine), EACCES.
[[nodiscard]] std::expected<std::shared_ptr<SharedRegion>, int> OpenMappedFile(
    const MappedArea &area);

}  // namespace opendext::channel
