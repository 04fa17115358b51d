// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext {

/// The exit status by which opendextd tells `opendext run` that all went well but for a driver that crashed.
inline constexpr int kRegistrySawCrash = 3;

}  // namespace opendext
