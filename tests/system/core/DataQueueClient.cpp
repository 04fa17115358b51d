// SPDX-License-Identifier: Apache-2.0
#include "DataQueueClient.h"

#include <atomic>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryDescriptor.h>

#include "CoreProtocol.h"

struct DataQueueClient_IVars {
    IODataQueueDispatchSource *source;
    IODispatchQueue *queue;
    IODispatchQueue *producer;
    OSAction *available;
    OSAction *serviced;
    std::atomic<uint64_t> num_available;
    std::atomic<uint64_t> num_serviced;
    std::atomic<uint64_t> num_cancelled;
    std::atomic<bool> drains;
};

bool DataQueueClient::init() {
    ivars = super::init() ? IONewZero(DataQueueClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void DataQueueClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->source);
        OSSafeReleaseNULL(ivars->available);
        OSSafeReleaseNULL(ivars->serviced);
        OSSafeReleaseNULL(ivars->queue);
        OSSafeReleaseNULL(ivars->producer);
    }
    IOSafeDeleteNULL(ivars, DataQueueClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(DataQueueClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = IODispatchQueue::Create("Producer", 0, 0, &ivars->producer);
    }
    if (ret == kIOReturnSuccess) {
        ret = SetDispatchQueue("Producer", ivars->producer);
    }
    if (ret == kIOReturnSuccess) {
        ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &ivars->queue);
    }
    return ret;
}

kern_return_t IMPL(DataQueueClient, Stop) {
    CancelQueue();
    // The actions hold this object.
    OSSafeReleaseNULL(ivars->available);
    OSSafeReleaseNULL(ivars->serviced);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t DataQueueClient::CreateQueue(uint64_t num_bytes) {
    CancelQueue();
    OSSafeReleaseNULL(ivars->source);
    return IODataQueueDispatchSource::Create(num_bytes, ivars->queue, &ivars->source);
}

kern_return_t DataQueueClient::SetHandlers() {
    kern_return_t ret = kIOReturnSuccess;
    if (ivars->available == nullptr) {
        ret = CreateActionDataArrived(0, &ivars->available);
    }
    if (ret == kIOReturnSuccess && ivars->serviced == nullptr) {
        ret = CreateActionRoomArrived(0, &ivars->serviced);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->source->SetDataAvailableHandler(ivars->available);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->source->SetDataServicedHandler(ivars->serviced);
    }
    return ret;
}

kern_return_t DataQueueClient::SetWrongHandler() {
    OSAction *action = nullptr;
    kern_return_t ret = CreateActionInterrupted(0, &action);
    if (ret == kIOReturnSuccess) {
        ret = ivars->source->SetDataAvailableHandler(action);
    }
    OSSafeReleaseNULL(action);
    return ret;
}

kern_return_t DataQueueClient::CancelQueue() {
    if (ivars->source == nullptr) {
        return kIOReturnSuccess;
    }
    retain();
    return ivars->source->Cancel(^{
        ++ivars->num_cancelled;
        release();
    });
}

void IMPL(DataQueueClient, DataArrived) {
    ++ivars->num_available;
    while (ivars->drains) {
        if (ivars->source->Dequeue(^(const void *, size_t){}) != kIOReturnSuccess) {
            break;
        }
    }
}

void IMPL(DataQueueClient, RoomArrived) {
    ivars->num_serviced += ivars->producer->OnQueue() ? 1 : 1000;
}

void IMPL(DataQueueClient, Interrupted) {}

kern_return_t DataQueueClient::Produce(uint64_t selector,
                                       const IOUserClientMethodArguments *arguments) {
    if (arguments->scalarInputCount != 2) {
        return kIOReturnBadArgument;
    }
    const auto size = static_cast<uint32_t>(arguments->scalarInput[0]);
    const uint64_t second = arguments->scalarInput[1];
    if (selector == kQueueCanEnqueue) {
        return ivars->source->CanEnqueueData(size, static_cast<uint32_t>(second));
    }
    const auto fill =
        ^(void *data, size_t num_bytes) { memset(data, static_cast<int>(second), num_bytes); };
    if (selector == kQueueEnqueue) {
        return ivars->source->Enqueue(size, fill);
    }
    bool must_send = false;
    kern_return_t ret = kIOReturnSuccess;
    for (uint64_t i = 0; i < second && ret == kIOReturnSuccess; ++i) {
        ret = ivars->source->EnqueueWithCoalesce(size, &must_send, fill);
    }
    if (must_send) {
        ivars->source->SendDataAvailable();
    }
    return ret;
}

kern_return_t DataQueueClient::Consume(uint64_t selector, IOUserClientMethodArguments *arguments) {
    uint64_t *output = arguments->scalarOutput;
    if (selector == kQueueDrainTogether) {
        bool must_send = false;
        output[0] = 0;
        while (ivars->source->DequeueWithCoalesce(&must_send, ^(const void *, size_t){}) ==
               kIOReturnSuccess) {
            ++output[0];
        }
        if (must_send) {
            ivars->source->SendDataServiced();
        }
        return kIOReturnSuccess;
    }
    const auto read = ^(const void *data, size_t num_bytes) {
        output[0] = num_bytes;
        output[1] = num_bytes != 0 ? *static_cast<const uint8_t *>(data) : 0;
    };
    return selector == kQueuePeek ? ivars->source->Peek(read) : ivars->source->Dequeue(read);
}

namespace {

uint32_t NumOutputs(uint64_t selector) {
    switch (selector) {
        case kQueueCalls:
            return 3;
        case kQueueDequeue:
        case kQueuePeek:
            return 2;
        case kQueueDrainTogether:
            return 1;
        default:
            return 0;
    }
}

}  // namespace

kern_return_t DataQueueClient::ExternalMethod(uint64_t selector,
                                              IOUserClientMethodArguments *arguments,
                                              const IOUserClientMethodDispatch *, OSObject *,
                                              void *) {
    if (arguments->scalarOutputCount != NumOutputs(selector) ||
        (selector != kQueueCreate && ivars->source == nullptr)) {
        return kIOReturnBadArgument;
    }
    switch (selector) {
        case kQueueCreate:
            return arguments->scalarInputCount == 1 ? CreateQueue(arguments->scalarInput[0])
                                                    : kIOReturnBadArgument;
        case kQueueHandle:
            return SetHandlers();
        case kQueueWrongHandler:
            return SetWrongHandler();
        case kQueueCancel:
            return CancelQueue();
        case kQueueDrainWhenAvailable:
            ivars->drains = true;
            return kIOReturnSuccess;
        case kQueueCalls:
            arguments->scalarOutput[0] = ivars->num_available;
            arguments->scalarOutput[1] = ivars->num_serviced;
            arguments->scalarOutput[2] = ivars->num_cancelled;
            return kIOReturnSuccess;
        case kQueueDequeue:
        case kQueuePeek:
        case kQueueDrainTogether:
            return Consume(selector, arguments);
        default:
            return Produce(selector, arguments);
    }
}

kern_return_t IMPL(DataQueueClient, CopyClientMemoryForType) {
    return type == kQueueMemory && ivars->source != nullptr ? ivars->source->CopyMemory(memory)
                                                            : kIOReturnBadArgument;
}
