// SPDX-License-Identifier: Apache-2.0
// IODataQueueDispatchSource (semantics.md 4.5).
#include <DriverKit/IODataQueueDispatchSource.h>

#include <limits>
#include <memory>
#include <new>
#include <utility>

#include <DriverKit/IOBufferMemoryDescriptor.h>

#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/source_gate.h"
#include "runtime/memory/retained.h"
#include "runtime/service/data_queue.h"
#include "runtime/service/source_handler.h"

using opendext::dispatch::SourceGate;
using opendext::memory::Retained;
using opendext::service::DataQueue;
using opendext::service::SourceHandler;

struct IODataQueueDispatchSource_IVars {
    std::shared_ptr<SourceGate> gate;
    Retained<IOBufferMemoryDescriptor> memory;
    DataQueue queue;
    SourceHandler available{IODataQueueDispatchSource_DataAvailable_ID};
    SourceHandler serviced{IODataQueueDispatchSource_DataServiced_ID};

    void NoteTarget(OSAction *action, kern_return_t status) const {
        if (status == kIOReturnSuccess && action != nullptr) {
            gate->NoteTarget(opendext::dispatch::TargetOf(action));
        }
    }
};

bool IODataQueueDispatchSource::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IODataQueueDispatchSource_IVars;
    return ivars != nullptr;
}

void IODataQueueDispatchSource::free() {
    if (ivars != nullptr) {
        if (ivars->gate != nullptr) {
            ivars->gate->Detach();
        }
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IODataQueueDispatchSource::Create_Impl(uint64_t queueByteCount,
                                                     IODispatchQueue *queue,
                                                     IODataQueueDispatchSource **source) {
    if (source == nullptr) {
        return kIOReturnBadArgument;
    }
    *source = nullptr;
    if (queue == nullptr || queueByteCount % 4 != 0 ||
        queueByteCount > std::numeric_limits<uint32_t>::max() - DataQueue::kHeaderBytes) {
        return kIOReturnBadArgument;
    }
    Retained<IODataQueueDispatchSource> made(OSTypeAlloc(IODataQueueDispatchSource));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    IOBufferMemoryDescriptor *memory = nullptr;
    IOAddressSegment range = {};
    if (IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut,
                                         queueByteCount + DataQueue::kHeaderBytes, 0,
                                         &memory) != kIOReturnSuccess) {
        return kIOReturnNoMemory;
    }
    IODataQueueDispatchSource_IVars &state = *made->ivars;
    state.memory.reset(memory);
    if (memory->GetAddressRange(&range) != kIOReturnSuccess) {
        return kIOReturnNoMemory;
    }
    state.queue = DataQueue({reinterpret_cast<std::byte *>(range.address), range.length});
    state.gate = std::make_shared<SourceGate>(made.get(), queue, true);
    *source = made.release();
    return kIOReturnSuccess;
}

size_t IODataQueueDispatchSource::GetDataQueueEntryHeaderSize() {
    return DataQueue::kEntryHeaderBytes;
}

kern_return_t IODataQueueDispatchSource::SetDataAvailableHandler_Impl(OSAction *action) {
    const kern_return_t status = ivars->available.Set(action);
    ivars->NoteTarget(action, status);
    if (status == kIOReturnSuccess && action != nullptr && IsDataAvailable()) {
        SendDataAvailable();
    }
    return status;
}

kern_return_t IODataQueueDispatchSource::SetDataServicedHandler_Impl(OSAction *action) {
    const kern_return_t status = ivars->serviced.Set(action);
    ivars->NoteTarget(action, status);
    return status;
}

kern_return_t IODataQueueDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    return ivars->gate->SetEnable(enable, handler);
}

kern_return_t IODataQueueDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    return opendext::service::CancelSource(this, ivars->gate, {&ivars->available, &ivars->serviced},
                                           handler);
}

kern_return_t IODataQueueDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnUnsupported;
}

bool IODataQueueDispatchSource::IsDataAvailable() {
    return !ivars->queue.IsEmpty();
}

kern_return_t IODataQueueDispatchSource::Peek(IODataQueueClientDequeueEntryBlock callback) {
    const auto front = ivars->queue.Front();
    if (!front) {
        return front.error();
    }
    callback(front->data.data(), front->data.size());
    return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource::Dequeue(IODataQueueClientDequeueEntryBlock callback) {
    bool must_send = false;
    const kern_return_t status = DequeueWithCoalesce(&must_send, callback);
    if (must_send) {
        SendDataServiced();
    }
    return status;
}

kern_return_t IODataQueueDispatchSource::DequeueWithCoalesce(
    bool *sendDataServiced, IODataQueueClientDequeueEntryBlock callback) {
    const auto front = ivars->queue.Front();
    if (front) {
        callback(front->data.data(), front->data.size());
        ivars->queue.Pop(*front);
    } else if (front.error() != kIOReturnUnderrun) {
        return front.error();
    }
    // Also when it is empty: the producer may have begun to wait after the last entry was taken.
    if (ivars->queue.ProducerWaits()) {
        *sendDataServiced = true;
    }
    return front ? kIOReturnSuccess : front.error();
}

kern_return_t IODataQueueDispatchSource::Enqueue(uint32_t dataSize,
                                                 IODataQueueClientEnqueueEntryBlock callback) {
    bool must_send = false;
    const kern_return_t status = EnqueueWithCoalesce(dataSize, &must_send, callback);
    if (must_send) {
        SendDataAvailable();
    }
    return status;
}

kern_return_t IODataQueueDispatchSource::EnqueueWithCoalesce(
    uint32_t dataSize, bool *sendDataAvailable, IODataQueueClientEnqueueEntryBlock callback) {
    const auto room = ivars->queue.FindRoom(dataSize);
    if (!room) {
        if (room.error() == kIOReturnOverrun) {
            ivars->queue.SetProducerWaits(true);
            // A consumer that has emptied the queue meanwhile looks again, and sees that the producer waits.
            *sendDataAvailable = true;
        }
        return room.error();
    }
    callback(room->data.data(), room->data.size());
    if (ivars->queue.Push(*room)) {
        *sendDataAvailable = true;
    }
    return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource::CanEnqueueData(uint32_t dataSize) {
    return CanEnqueueData(dataSize, 1);
}

kern_return_t IODataQueueDispatchSource::CanEnqueueData(uint32_t dataSize, uint32_t entryCount) {
    return ivars->queue.CheckRoom(dataSize, entryCount);
}

void IODataQueueDispatchSource::SendDataServiced() {
    ivars->serviced.Send([this](OSAction *action) {
        ivars->queue.SetProducerWaits(false);
        DataServiced(action);
    });
}

void IODataQueueDispatchSource::SendDataAvailable() {
    ivars->available.Send([this](OSAction *action) { DataAvailable(action); });
}

kern_return_t IODataQueueDispatchSource::CopyMemory_Impl(IOMemoryDescriptor **memory) {
    if (memory == nullptr) {
        return kIOReturnBadArgument;
    }
    *memory = opendext::memory::Retain<IOMemoryDescriptor>(ivars->memory.get()).release();
    return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource::CopyDataAvailableHandler_Impl(OSAction **action) {
    if (action == nullptr) {
        return kIOReturnBadArgument;
    }
    *action = ivars->available.Copy().release();
    return *action != nullptr ? kIOReturnSuccess : kIOReturnNotReady;
}

kern_return_t IODataQueueDispatchSource::CopyDataServicedHandler_Impl(OSAction **action) {
    if (action == nullptr) {
        return kIOReturnBadArgument;
    }
    *action = ivars->serviced.Copy().release();
    return *action != nullptr ? kIOReturnSuccess : kIOReturnNotReady;
}
