// SPDX-License-Identifier: Apache-2.0
#include <new>

#include <DriverKit/IOMemoryMap.h>

#include "runtime/memory/descriptor_mappings.h"
#include "runtime/memory/descriptor_state.h"
#include "runtime/memory/memory_census.h"

bool IOMemoryMap::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOMemoryMap_IVars;
    if (ivars == nullptr) {
        return false;
    }
    opendext::memory::CountMapping(+1);
    return true;
}

void IOMemoryMap::free() {
    if (ivars != nullptr) {
        if (ivars->entry != nullptr) {
            opendext::memory::ForgetMapping(*ivars->memory, ivars->entry);
        }
        delete ivars;
        ivars = nullptr;
        opendext::memory::CountMapping(-1);
    }
    super::free();
}

uint64_t IOMemoryMap::GetAddress() {
    return ivars != nullptr ? ivars->address : 0;
}

uint64_t IOMemoryMap::GetLength() {
    return ivars != nullptr ? ivars->length : 0;
}

uint64_t IOMemoryMap::GetOffset() {
    return ivars != nullptr ? ivars->offset : 0;
}
