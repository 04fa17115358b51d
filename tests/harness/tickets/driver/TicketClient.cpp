// SPDX-License-Identifier: Apache-2.0
#include "TicketClient.h"

#include <mutex>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <os/log.h>

#include "TicketProtocol.h"
#include "TicketService.h"

static std::mutex strand;

struct TicketClient_IVars {
    TicketService *service;
};

bool TicketClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(TicketClient_IVars, 1);
    return ivars != nullptr;
}

void TicketClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->service);
    }
    IOSafeDeleteNULL(ivars, TicketClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(TicketClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->service = OSDynamicCast(TicketService, provider);
    if (ivars->service == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->service->retain();
    return kIOReturnSuccess;
}

static kern_return_t MakeBuffer() {
    IOBufferMemoryDescriptor *buffer = nullptr;
    const kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 64, 0, &buffer);
    OSSafeReleaseNULL(buffer);
    return ret;
}

static uint64_t MakeMemory() {
    uint64_t *memory = IONewZero(uint64_t, 8);
    const bool is_made = memory != nullptr;
    IOSafeDeleteNULL(memory, uint64_t, 8);
    return is_made ? 1 : 0;
}

kern_return_t TicketClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *, OSObject *, void *) {
    uint64_t value = 0;
    switch (selector) {
        case kTicketTake:
            value = ivars->service->Take();
            break;
        case kTicketTakeLocked:
            value = ivars->service->TakeLocked();
            break;
        case kTicketBuffer:
            return MakeBuffer();
        case kTicketMemory:
            value = MakeMemory();
            break;
        case kTicketWait:
            IOSleep(600000);
            os_log(OS_LOG_DEFAULT, kTicketWaitLine);
            break;
        case kTicketStrand: {
            const std::lock_guard<std::mutex> lock(strand);
            value = ivars->service->Take();
            break;
        }
        default:
            return kIOReturnBadArgument;
    }
    if (arguments->scalarOutputCount == 1) {
        arguments->scalarOutput[0] = value;
    }
    return kIOReturnSuccess;
}
