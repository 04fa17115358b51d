// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ring_limits.h"

static inline int ring_size() {
    return RING_SLOTS < RING_MOST_SLOTS ? RING_SLOTS : RING_MOST_SLOTS;
}
