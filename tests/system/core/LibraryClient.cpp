// SPDX-License-Identifier: Apache-2.0
#include "LibraryClient.h"

#include <DriverKit/IOCommandPool.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserServer.h>
#include <DriverKit/OSBundle.h>
#include <DriverKit/OSCollections.h>

#include "CoreCommand.h"
#include "CoreProtocol.h"

kern_return_t LibraryClient::LoadResource(uint64_t *output) {
    OSBundle *bundle = OSBundle::mainBundle();
    OSMappedFile *file = nullptr;
    if (bundle == nullptr) {
        return kIOReturnNotFound;
    }
    kern_return_t ret = bundle->loadResource("Info.plist", 0, 0, &file);
    if (ret == kIOReturnSuccess) {
        output[0] = file->size();
        output[1] = crc32(0, file->data(), file->size());
    }
    OSSafeReleaseNULL(file);
    OSSafeReleaseNULL(bundle);
    return ret;
}

// Of the properties of this very client, which have been in another process.
kern_return_t LibraryClient::CopyBySerialization(uint64_t *output) {
    OSDictionary *properties = nullptr;
    kern_return_t ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    OSSerialization *written = OSSerialization::createFromObject(properties);
    size_t length = 0;
    const void *bytes = written->finalizeBuffer(&length);
    OSSerialization *read = OSSerialization::createFromBytes(bytes, length, nullptr);
    OSObject *copy = read != nullptr ? read->copyObject() : nullptr;
    output[0] = properties->getCount();
    output[1] = copy != nullptr && properties->isEqualTo(copy) ? 1 : 0;
    OSSafeReleaseNULL(copy);
    OSSafeReleaseNULL(read);
    OSSafeReleaseNULL(written);
    OSSafeReleaseNULL(properties);
    return kIOReturnSuccess;
}

// A command goes round between the pool and a queue that returns it later.
kern_return_t LibraryClient::PassCommands(uint64_t *output) {
    IODispatchQueue *queue = nullptr;
    kern_return_t ret = IODispatchQueue::Create("pool", kIODispatchQueueReentrant, 0, &queue);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOCommandPool *pool = IOCommandPool::withQueue(queue);
    CoreCommand *command = OSTypeAlloc(CoreCommand);
    if (command->init()) {
        command->SetNumber(0);
        pool->returnCommand(command);
        for (int i = 0; i < 100; ++i) {
            CoreCommand *taken = OSDynamicCast(CoreCommand, pool->getCommand(true));
            taken->SetNumber(taken->Number() + 1);
            queue->DispatchAsync(^{ pool->returnCommand(taken); });
        }
        // Waits until the last one is back.
        command = OSDynamicCast(CoreCommand, pool->getCommand(true));
        output[0] = command->Number();
    }
    output[1] = command->getRetainCount();
    OSSafeReleaseNULL(command);
    OSSafeReleaseNULL(pool);
    OSSafeReleaseNULL(queue);
    return kIOReturnSuccess;
}

// With an output it only tries what leaves the process as it is.
kern_return_t LibraryClient::UseServer(uint64_t *output) {
    IOUserServer *server = nullptr;
    kern_return_t ret = IOUserServer::Create("org.opendext.test.server", 0, 0, nullptr, &server);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    if (output == nullptr) {
        ret = server->Exit(kLibraryExitReason);
    } else {
        output[0] = static_cast<uint32_t>(server->RegisterService());
        output[1] = static_cast<uint32_t>(server->LoadModule("/nowhere/module.so"));
    }
    OSSafeReleaseNULL(server);
    return ret;
}

kern_return_t LibraryClient::NameResult(uint64_t result, OSData **name) {
    OSString *text = nullptr;
    const kern_return_t ret = StringFromReturn(static_cast<IOReturn>(result), &text);
    if (ret == kIOReturnSuccess) {
        *name = OSData::withBytes(text->getCStringNoCopy(), text->getLength() + 1);
    }
    OSSafeReleaseNULL(text);
    return ret;
}

kern_return_t LibraryClient::ExternalMethod(uint64_t selector,
                                            IOUserClientMethodArguments *arguments,
                                            const IOUserClientMethodDispatch *, OSObject *,
                                            void *) {
    if (selector == kLibraryResultName) {
        return arguments->scalarInputCount == 1
                   ? NameResult(arguments->scalarInput[0], &arguments->structureOutput)
                   : kIOReturnBadArgument;
    }
    if (selector == kLibraryExit) {
        return UseServer(nullptr);
    }
    if (arguments->scalarOutputCount != 2) {
        return kIOReturnBadArgument;
    }
    switch (selector) {
        case kLibraryResource:
            return LoadResource(arguments->scalarOutput);
        case kLibrarySerialize:
            return CopyBySerialization(arguments->scalarOutput);
        case kLibraryCommands:
            return PassCommands(arguments->scalarOutput);
        case kLibraryServer:
            return UseServer(arguments->scalarOutput);
        default:
            return kIOReturnBadArgument;
    }
}
