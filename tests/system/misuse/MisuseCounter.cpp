// SPDX-License-Identifier: Apache-2.0
#include "MisuseCounter.h"

#include <DriverKit/IOLib.h>

struct MisuseCounter_IVars {
    uint64_t before;
    uint64_t value;
};

bool MisuseCounter::init() {
    ivars = super::init() ? IONewZero(MisuseCounter_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void MisuseCounter::free() {
    IOSafeDeleteNULL(ivars, MisuseCounter_IVars, 1);
    super::free();
}

uint64_t MisuseCounter::Value() {
    return ivars->value;
}
