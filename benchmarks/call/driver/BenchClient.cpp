// SPDX-License-Identifier: Apache-2.0
#include "BenchClient.h"

#include <DriverKit/IOLib.h>

#include "BenchProtocol.h"

static const IOUserClientMethodDispatch kMethods[kBenchSelectorCount] = {
    [kBenchIncrement] =
        {
            .function = &BenchClient::Increment,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 1,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = 1,
            .checkStructureOutputSize = 0,
        },
};

kern_return_t BenchClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                          const IOUserClientMethodDispatch *, OSObject *,
                                          void *reference) {
    if (selector >= kBenchSelectorCount) {
        return kIOReturnBadArgument;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], this, reference);
}

kern_return_t BenchClient::Increment(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    arguments->scalarOutput[0] = arguments->scalarInput[0] + 1;
    return kIOReturnSuccess;
}
