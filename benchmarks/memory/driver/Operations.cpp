// SPDX-License-Identifier: Apache-2.0
#include "Operations.h"

#include <time.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>
#include <opendext/toolkit.h>

#include "MemoryBenchProtocol.h"

namespace toolkit = opendext::toolkit;

static constexpr uint64_t kBufferBytes = 4096;
static constexpr uint64_t kMappedBytes = 65536;

// What there is before the clock starts.
struct Subjects {
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    toolkit::DescriptorPool pool;

    kern_return_t Make() {
        IOBufferMemoryDescriptor *made = nullptr;
        const kern_return_t ret =
            IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kMappedBytes, 0, &made);
        buffer.reset(made, OSNoRetain);
        toolkit::DescriptorPoolOptions options;
        options.capacity = kBufferBytes;
        options.prewarmed_count = 1;
        return ret == kIOReturnSuccess ? pool.Create(options) : ret;
    }
};

static kern_return_t CreateAndRelease(Subjects &) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kBufferBytes, 0, &buffer);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    ret = buffer->GetAddressRange(&range);
    buffer->release();
    return ret == kIOReturnSuccess && range.length != kBufferBytes ? kIOReturnUnderrun : ret;
}

static kern_return_t MapAndRelease(Subjects &subjects) {
    IOMemoryMap *map = nullptr;
    const kern_return_t ret =
        subjects.buffer->CreateMapping(0, 0, kMappedBytes / 2, kMappedBytes / 2, 0, &map);
    OSSafeReleaseNULL(map);
    return ret;
}

static kern_return_t PartAndRelease(Subjects &subjects) {
    IOMemoryDescriptor *part = nullptr;
    kern_return_t ret = IOMemoryDescriptor::CreateSubMemoryDescriptor(
        kIOMemoryDirectionOut, kMappedBytes / 2, kBufferBytes, subjects.buffer.get(), &part);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint64_t length = 0;
    ret = part->GetLength(&length);
    part->release();
    return ret == kIOReturnSuccess && length != kBufferBytes ? kIOReturnUnderrun : ret;
}

static kern_return_t TakeAndGiveBack(Subjects &subjects) {
    toolkit::PooledDescriptor descriptor;
    return subjects.pool.Take(&descriptor);
}

// In the order of MemoryBenchOperation.
static kern_return_t (*const kOperations[kMemoryBenchOperationCount])(Subjects &) = {
    &CreateAndRelease, &MapAndRelease, &PartAndRelease, &TakeAndGiveBack};

kern_return_t TimeOperation(uint64_t operation, uint64_t timesPerSample, uint64_t *samples,
                            uint64_t numSamples) {
    if (operation >= kMemoryBenchOperationCount) {
        return kIOReturnBadArgument;
    }
    Subjects subjects;
    kern_return_t ret = subjects.Make();
    for (uint64_t sample = 0; ret == kIOReturnSuccess && sample < numSamples; ++sample) {
        const uint64_t start = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
        for (uint64_t i = 0; ret == kIOReturnSuccess && i < timesPerSample; ++i) {
            ret = kOperations[operation](subjects);
        }
        samples[sample] = clock_gettime_nsec_np(CLOCK_UPTIME_RAW) - start;
    }
    return ret;
}
