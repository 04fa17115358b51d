// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <utility>

#include <DriverKit/IOBufferMemoryDescriptor.h>

#include "base/log.h"
#include "base/region_pool.h"
#include "runtime/memory/descriptor_mappings.h"
#include "runtime/memory/descriptor_state.h"

using opendext::SharedSlice;
using opendext::memory::StateOf;

namespace {

opendext::RegionPool &BufferMemory() {
    // For ever: drivers' objects may be freed during exit.
    static const auto *pool = new auto(opendext::RegionPool::Create("opendext-buffer"));
    return **pool;
}

const char *WhyThereIsNone(int error) {
    return error == EMFILE
               ? "the process has as many files open as it may, and each buffer is one: release "
                 "some, or raise the limit (ulimit -Hn)"
               : std::strerror(error);
}

}  // namespace

kern_return_t IMPL(IOBufferMemoryDescriptor, Create) {
    static_cast<void>(alignment);  // whole pages of its own suit every alignment
    if (memory == nullptr || (options & ~uint64_t{kIOMemoryDirectionInOut}) != 0) {
        return kIOReturnBadArgument;
    }
    *memory = nullptr;
    auto region = BufferMemory().Take(capacity);
    if (!region) {
        if (capacity != 0) {
            opendext::LogWarning("IOBufferMemoryDescriptor::Create: no memory for {} bytes: {}",
                                 capacity, WhyThereIsNone(region.error()));
        }
        return kIOReturnNoMemory;
    }
    opendext::memory::Retained<IOBufferMemoryDescriptor> buffer(
        OSTypeAlloc(IOBufferMemoryDescriptor));
    if (buffer == nullptr || !buffer->init()) {
        return kIOReturnNoMemory;
    }
    IOMemoryDescriptor_IVars &state = StateOf(*buffer);
    state.backing = opendext::memory::MakeRunBacking(
        {SharedSlice{std::move(*region), 0, capacity}, {}, {}, false});
    state.direction = options;
    state.capacity = capacity;
    state.is_made_here = true;
    state.length.store(capacity, std::memory_order_relaxed);
    *memory = buffer.release();
    return kIOReturnSuccess;
}

bool IOBufferMemoryDescriptor::init() {
    return super::init();
}

void IOBufferMemoryDescriptor::free() {
    super::free();
}

kern_return_t IOBufferMemoryDescriptor::GetAddressRange(IOAddressSegment *range) {
    IOMemoryDescriptor_IVars &state = StateOf(*this);
    if (range == nullptr || state.backing == nullptr) {
        return kIOReturnBadArgument;
    }
    uint64_t address = state.buffer_address.load(std::memory_order_acquire);
    if (address == 0) {
        auto plan = opendext::memory::PlanMapping(*this, 0, 0, 0, state.capacity);
        if (!plan) {
            return plan.error();
        }
        plan->ignores_length = true;
        const auto mapped = opendext::memory::HoldMapping(*plan, *this);
        if (!mapped) {
            return mapped.error();
        }
        address = *mapped;
        state.buffer_address.store(address, std::memory_order_release);
    }
    *range = {address, state.capacity};
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOBufferMemoryDescriptor, SetLength) {
    IOMemoryDescriptor_IVars &state = StateOf(*this);
    if (length <= state.capacity) {
        state.length.store(length, std::memory_order_relaxed);
    }
    return kIOReturnSuccess;
}
