// SPDX-License-Identifier: Apache-2.0
/// @file leak_report.h
/// What a driver leaves behind when it has ended.
#pragma once

#include <cstdint>

namespace opendext::host {

/// All services of the driver whose code `image` is in have ended: reports the objects that it has made or retained and
/// that are left, by class and by the place where they were made, and the actions that hold one of them and are not
/// cancelled; but for what another thread releases within half a second. Only objects after `first_sequence` and up to
/// `last_sequence` (object::CurrentSequence) count: others are of a driver that had the same image before, or has it now.
void ReportLeaks(const void *image, uint64_t first_sequence, uint64_t last_sequence);

}  // namespace opendext::host
