// SPDX-License-Identifier: Apache-2.0
#include "MirrorClient.h"

#include <DriverKit/IOLib.h>
#include <opendext/toolkit.h>

#include "MirrorProtocol.h"

using opendext::toolkit::Bytes;
using opendext::toolkit::ConstBytes;
using opendext::toolkit::DescriptorPool;
using opendext::toolkit::DescriptorPoolOptions;
using opendext::toolkit::MethodInput;
using opendext::toolkit::MethodOutput;
using opendext::toolkit::PooledDescriptor;

struct MirrorClient_IVars {
    DescriptorPool pool;
};

bool MirrorClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MirrorClient_IVars, 1);
    return ivars != nullptr;
}

void MirrorClient::free() {
    if (ivars != nullptr) {
        ivars->pool.Reset();
    }
    IOSafeDeleteNULL(ivars, MirrorClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(MirrorClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    DescriptorPoolOptions options;
    options.capacity = kMirrorPooledBytes;
    options.max_count = 1;
    return ret == kIOReturnSuccess ? ivars->pool.Create(options) : ret;
}

static kern_return_t Reverse(MethodInput &input, MethodOutput &output) {
    ConstBytes bytes;
    kern_return_t ret = input.GetBytes(&bytes);
    Bytes room;
    if (ret == kIOReturnSuccess) {
        ret = output.GetRoom(bytes.size, &room);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    for (size_t i = 0; i < bytes.size; ++i) {
        room.data[i] = bytes.data[bytes.size - 1 - i];
    }
    return output.SetLength(bytes.size);
}

static kern_return_t CopyRange(MethodInput &input, MethodOutput &output, uint64_t offset,
                               uint64_t length) {
    uint8_t piece[100];
    while (length != 0) {
        const uint64_t numBytes = length < sizeof(piece) ? length : sizeof(piece);
        kern_return_t ret = input.Read(offset, numBytes, piece);
        if (ret == kIOReturnSuccess) {
            ret = output.Append(ConstBytes(piece, numBytes));
        }
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        offset += numBytes;
        length -= numBytes;
    }
    return kIOReturnSuccess;
}

static kern_return_t PassThroughPool(DescriptorPool &pool, MethodInput &input,
                                     MethodOutput &output) {
    ConstBytes bytes;
    kern_return_t ret = input.GetBytes(&bytes);
    PooledDescriptor descriptor;
    if (ret == kIOReturnSuccess) {
        ret = pool.Take(&descriptor);
    }
    if (ret == kIOReturnSuccess) {
        ret = descriptor.Fill(bytes);
    }
    return ret == kIOReturnSuccess ? output.Append(descriptor.contents()) : ret;
}

kern_return_t MirrorClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *, OSObject *, void *) {
    MethodInput input(arguments);
    MethodOutput output(arguments);
    kern_return_t ret = kIOReturnBadArgument;
    if (selector == kMirrorReverse) {
        ret = Reverse(input, output);
    } else if (selector == kMirrorRange && arguments->scalarInputCount == 2) {
        ret = CopyRange(input, output, arguments->scalarInput[0], arguments->scalarInput[1]);
    } else if (selector == kMirrorPooled) {
        ret = PassThroughPool(ivars->pool, input, output);
    }
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}
