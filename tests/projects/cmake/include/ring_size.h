// SPDX-License-Identifier: Apache-2.0
#pragma once

static inline int ring_size(void) {
    return RING_SLOTS;
}
