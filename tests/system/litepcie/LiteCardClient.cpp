// SPDX-License-Identifier: Apache-2.0
#include "LiteCardClient.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSData.h>

#include "LiteCard.h"
#include "LiteCardProtocol.h"

struct LiteCardClient_IVars {
    LiteCard *card;                                         // the provider, not retained
    IOMemoryDescriptor *memory[kLiteCardCountsMemory + 1];  // by type, once asked for
};

bool LiteCardClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(LiteCardClient_IVars, 1);
    return ivars != nullptr;
}

void LiteCardClient::free() {
    if (ivars != nullptr) {
        for (IOMemoryDescriptor *&memory : ivars->memory) {
            OSSafeReleaseNULL(memory);
        }
    }
    IOSafeDeleteNULL(ivars, LiteCardClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(LiteCardClient, Start) {
    ivars->card = OSDynamicCast(LiteCard, provider);
    return ivars->card != nullptr ? Start(provider, SUPERDISPATCH) : kIOReturnError;
}

kern_return_t IMPL(LiteCardClient, Stop) {
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t LiteCardClient::ExternalMethod(uint64_t selector,
                                             IOUserClientMethodArguments *arguments,
                                             const IOUserClientMethodDispatch *, OSObject *,
                                             void *) {
    const uint64_t *const scalars = arguments->scalarInput;
    if (selector == kLiteCardRead && arguments->scalarInputCount == 1 &&
        arguments->scalarOutputCount == 1) {
        arguments->scalarOutput[0] = ivars->card->ReadRegister(scalars[0]);
        return kIOReturnSuccess;
    }
    if (selector == kLiteCardWrite && arguments->scalarInputCount == 2) {
        ivars->card->WriteRegister(scalars[0], static_cast<uint32_t>(scalars[1]));
        return kIOReturnSuccess;
    }
    OSData *const input = arguments->structureInput;
    if (selector == kLiteCardConfigure && input != nullptr &&
        input->getLength() == sizeof(LiteCardConfiguration)) {
        const auto *configuration =
            static_cast<const LiteCardConfiguration *>(input->getBytesNoCopy());
        ivars->card->Configure(configuration->isReader != 0, configuration->isEnabled != 0);
        return kIOReturnSuccess;
    }
    return kIOReturnBadArgument;
}

kern_return_t IMPL(LiteCardClient, CopyClientMemoryForType) {
    if (type < kLiteCardReaderMemory || type > kLiteCardCountsMemory) {
        return kIOReturnBadArgument;
    }
    IOMemoryDescriptor *&kept = ivars->memory[type];
    if (kept == nullptr) {
        const kern_return_t ret = ivars->card->CopyMemory(type, &kept);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    if (type == kLiteCardCountsMemory) {
        *options |= kIOUserClientMemoryReadOnly;
    }
    kept->retain();
    *memory = kept;
    return kIOReturnSuccess;
}
