// SPDX-License-Identifier: Apache-2.0
#include "CoreCommand.h"

#include <DriverKit/IOLib.h>

struct CoreCommand_IVars {
    uint64_t number;
};

bool CoreCommand::init() {
    ivars = super::init() ? IONewZero(CoreCommand_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void CoreCommand::free() {
    IOSafeDeleteNULL(ivars, CoreCommand_IVars, 1);
    super::free();
}

void CoreCommand::SetNumber(uint64_t number) {
    ivars->number = number;
}

uint64_t CoreCommand::Number() {
    return ivars->number;
}
