// SPDX-License-Identifier: Apache-2.0
// C++ in a file of another name: the project says that it is.
#include "ring_size.h"

template <typename T>
static T After(T slot) {
    return (slot + 1) % ring_size();
}

int ring_next(int slot) {
    return After(slot);
}
