// SPDX-License-Identifier: Apache-2.0
#include "ring_parts.h"

int ring_parts() {
    return RING_PARTS;
}
