// SPDX-License-Identifier: Apache-2.0
#include "TicketService.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

struct TicketService_IVars {
    uint64_t next;
    IOLock *lock;
};

bool TicketService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(TicketService_IVars, 1);
    if (ivars == nullptr) {
        return false;
    }
    ivars->lock = IOLockAlloc();
    return ivars->lock != nullptr;
}

void TicketService::free() {
    if (ivars != nullptr && ivars->lock != nullptr) {
        IOLockFree(ivars->lock);
    }
    IOSafeDeleteNULL(ivars, TicketService_IVars, 1);
    super::free();
}

kern_return_t IMPL(TicketService, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(TicketService, NewUserClient) {
    (void)type;
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, service);
    }
    return ret;
}

// Prints the ticket, as it were: time passes between reading the number and writing it.
uint64_t TicketService::Take() {
    const uint64_t ticket = ivars->next;
    IOBufferMemoryDescriptor *paper = nullptr;
    IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 64, 0, &paper);
    OSSafeReleaseNULL(paper);
    ivars->next = ticket + 1;
    return ticket;
}

uint64_t TicketService::TakeLocked() {
    IOLockLock(ivars->lock);
    const uint64_t ticket = Take();
    IOLockUnlock(ivars->lock);
    return ticket;
}
