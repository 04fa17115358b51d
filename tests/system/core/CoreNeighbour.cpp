// SPDX-License-Identifier: Apache-2.0
#include "CoreNeighbour.h"

kern_return_t IMPL(CoreNeighbour, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}
