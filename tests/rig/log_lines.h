// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opendext/testing/log_lines.h>

namespace opendext::rig {

using test::LogLines;

}  // namespace opendext::rig
