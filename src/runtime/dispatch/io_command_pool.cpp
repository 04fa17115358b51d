// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOCommandPool.h>

#include <new>
#include <utility>

#include "runtime/dispatch/run_sync.h"
#include "runtime/object/member_list.h"

// All but the queue is used on the queue only.
struct IOCommandPool_IVars {
    IODispatchQueue *queue = nullptr;
    queue_head_t commands = {};
    uint32_t num_waiting = 0;
};

bool IOCommandPool::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOCommandPool_IVars;
    if (ivars != nullptr) {
        queue_init(&ivars->commands);
    }
    return ivars != nullptr;
}

void IOCommandPool::free() {
    if (ivars != nullptr) {
        while (queue_entry_t link = dequeue_head(&ivars->commands)) {
            IOCommand::FromChain(link)->release();
        }
        OSSafeReleaseNULL(ivars->queue);
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

IOCommandPoolPtr IOCommandPool::withQueue(IODispatchQueue *queue) {
    auto *pool = static_cast<IOCommandPool *>(OSTypeID(IOCommandPool)->alloc());
    if (pool != nullptr && !pool->initWithQueue(queue)) {
        OSSafeReleaseNULL(pool);
    }
    return pool;
}

bool IOCommandPool::initWithQueue(IODispatchQueue *queue) {
    if (queue == nullptr || !init()) {
        return false;
    }
    queue->retain();
    ivars->queue = queue;
    return true;
}

IOCommandPtr IOCommandPool::getCommand(bool blockForCommand) {
    IOCommand *command = nullptr;
    opendext::dispatch::RunSync(ivars->queue, [&] {
        if (gatedGetCommand(&command, blockForCommand) != kIOReturnSuccess) {
            command = nullptr;
        }
    });
    return command;
}

void IOCommandPool::returnCommand(IOCommand *command) {
    opendext::dispatch::RunSync(ivars->queue, [&] { (void)gatedReturnCommand(command); });
}

kern_return_t IOCommandPool::gatedGetCommand(IOCommand **command, bool blockForCommand) {
    *command = nullptr;
    while (queue_empty(&ivars->commands)) {
        if (!blockForCommand) {
            return kIOReturnNoResources;
        }
        ++ivars->num_waiting;
        const kern_return_t status = ivars->queue->SleepWithTimeout(ivars, 0);
        --ivars->num_waiting;
        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    *command = IOCommand::FromChain(dequeue_head(&ivars->commands));
    return kIOReturnSuccess;
}

kern_return_t IOCommandPool::gatedReturnCommand(IOCommand *command) {
    if (command == nullptr) {
        return kIOReturnBadArgument;
    }
    enqueue_head(&ivars->commands, command->CommandChain());
    if (ivars->num_waiting != 0) {
        (void)ivars->queue->Wakeup(ivars);
    }
    return kIOReturnSuccess;
}
