// SPDX-License-Identifier: Apache-2.0
extern "C" {
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>
#include <PCIDriverKit/PCIDriverKit.h>
}
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <vector>

#include <DriverKit/DriverKit.h>
#include <DriverKit/IOUserServer.h>
#include <com.example.unusual/UnusualClient.h>
#include <os/log.h>

#include "Unusual.h"

struct UnusualClient_IVars {
    std::vector<int> values;
    OSSharedPtr<OSString> name;
};

// Names that libc and the runtime have too.
extern "C" int write(int value) {
    return value + 1;
}
class QueueTable {
public:
    int value = 3;
};

int Unusual::sCreated = 0;

bool Unusual::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(Unusual_IVars, 1);
    return ivars != nullptr;
}

void Unusual::free() {
    IOSafeDeleteNULL(ivars, Unusual_IVars, 1);
    super::free();
}

kern_return_t Unusual::Start_Impl(IOService *provider) {
    __block kern_return_t ret = kIOReturnSuccess;
    IODispatchQueue *queue = nullptr;
    uint64_t area = 0;
    Shape shape;
    if ((ret = super::Start(provider, SUPERDISPATCH)) != kIOReturnSuccess) {
        goto out;
    }
    if ((ret = IODispatchQueue::Create("ticks", 0, 0, &queue)) != kIOReturnSuccess) {
        goto out;
    }
    if ((ret = SetDispatchQueue("Ticks", queue)) != kIOReturnSuccess) {
        goto out;
    }
    if ((ret = Area(shape, &area)) != kIOReturnSuccess) {
        goto out;
    }
    if ((ret = CreateActionHandleDone(sizeof(uint64_t), &ivars->action)) != kIOReturnSuccess) {
        goto out;
    }
    Done(ivars->action, static_cast<uint32_t>(area), shape);
    os_log(OS_LOG_DEFAULT, "answer %u at %llu, %{public}s", Answer(Twice(20)), area,
           IsReady() ? "ready" : "not");
    SetMode(Mode::kBusy);
    Walk(^(uint32_t side) { ivars->count += side; });
    ret = RegisterService();
out:
    OSSafeReleaseNULL(queue);
    return ret;
}

kern_return_t IMPL(Unusual, Stop) {
    __block kern_return_t ret = kIOReturnSuccess;
    OSSafeReleaseNULL(ivars->action);
    void (^finish)(void) = ^{ ret = Stop(provider, SUPERDISPATCH); };
    finish();
    return ret;
}

kern_return_t IMPL(Unusual, NewUserClient) {
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, OSDynamicCast(OSObject, client));
    }
    return type == 3 ? kIOReturnNotPermitted : ret;
}

void IMPL(Unusual, Tick) {
    (void)action;
    (void)time;
}
void IMPL(Unusual, HandleDone) {
    (void)action;
    ivars->count += status + shape.width;
}
void Unusual::HandleAgain_Impl(OSAction *action, uint32_t status, Shape shape) {
    (void)action;
    ivars->count += status + shape.height;
}
bool IMPL(Unusual, IsReady) {
    return IsLocal();
}
uint32_t IMPL(Unusual, Answer) {
    return Identity(question) + 2;
}
OSObject *IMPL(Unusual, CopyIt) {
    retain();
    return this;
}
kern_return_t IMPL(Unusual, Area) {
    *area = uint64_t{shape.width} * shape.height;
    return kIOReturnSuccess;
}
kern_return_t IMPL(Unusual, SetMode) {
    if (old != nullptr) {
        *old = ivars->mode;
    }
    ivars->mode = mode;
    return kIOReturnSuccess;
}
kern_return_t IMPL(Unusual, Walk) {
    block(3);
    return kIOReturnSuccess;
}
kern_return_t IMPL(Unusual, Sum) {
    for (uint32_t i = 0; name[0] != 0 && i < valuesCount; ++i) {
        *sum += values[i];
    }
    return kIOReturnSuccess;
}
kern_return_t IMPL(Unusual, Make) {
    ++sCreated;
    *made = OSNumber::withNumber(value, 32);
    return kIOReturnSuccess;
}
bool Unusual::IsLocal() {
    return true;
}
uint32_t Unusual::Twice(uint32_t value) {
    return 2 * value;
}
uint64_t Unusual::Count() const {
    return ivars->count;
}

bool UnusualClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new UnusualClient_IVars;
    ivars->values.push_back(write(QueueTable().value));
    ivars->name = OSSharedPtr<OSString>(OSString::withCString("name"), OSNoRetain);
    return true;
}

void UnusualClient::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t UnusualClient::ExternalMethod(uint64_t selector,
                                            IOUserClientMethodArguments *arguments,
                                            const IOUserClientMethodDispatch *dispatch,
                                            OSObject *target, void *reference) {
    switch (selector) {
        case 0:
            arguments->scalarOutput[0] = ivars->values.size();
            return kIOReturnSuccess;
        default:
            return super::ExternalMethod(selector, arguments, dispatch, target, reference);
    }
}
