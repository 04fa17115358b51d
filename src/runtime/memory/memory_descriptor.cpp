// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <DriverKit/IOMemoryDescriptor.h>

#include "base/checked.h"
#include "runtime/memory/descriptor_mappings.h"
#include "runtime/memory/descriptor_state.h"
#include "runtime/memory/memory_census.h"

namespace opendext::memory {

namespace {

constexpr uint32_t kMaxConcatenated = 32;

/// Memory of an application or a device can be mapped by pieces, so a length above this is a mistake.
constexpr uint64_t kLongestDescriptor = 1ULL << 62;

}  // namespace

IOMemoryDescriptor_IVars &StateOf(const IOMemoryDescriptor &descriptor) {
    static IOMemoryDescriptor_IVars empty;
    return descriptor.ivars != nullptr ? *descriptor.ivars : empty;
}

void FetchMemory(const IOMemoryDescriptor &descriptor, Use use) {
    if (const Backing *backing = StateOf(descriptor).backing.get()) {
        backing->Fetch(use);
    }
}

bool MemoryIsThere(const IOMemoryDescriptor &descriptor) {
    const IOMemoryDescriptor_IVars &state = StateOf(descriptor);
    return state.backing != nullptr && state.backing->IsThere();
}

bool CollectExtents(const IOMemoryDescriptor &descriptor, Use use, uint64_t offset, uint64_t length,
                    std::vector<Extent> &extents) {
    const IOMemoryDescriptor_IVars &state = StateOf(descriptor);
    return state.backing != nullptr && RangeIsWithin(offset, length, state.capacity) &&
           state.backing->Collect(use, offset, length, extents);
}

Retained<IOMemoryDescriptor> NewDescriptor(std::unique_ptr<const Backing> backing,
                                           uint64_t direction, uint64_t capacity) {
    Retained<IOMemoryDescriptor> descriptor(OSTypeAlloc(IOMemoryDescriptor));
    if (descriptor == nullptr || capacity > kLongestDescriptor || !descriptor->init()) {
        return nullptr;
    }
    IOMemoryDescriptor_IVars &state = *descriptor->ivars;
    state.backing = std::move(backing);
    state.direction = direction & kIOMemoryDirectionInOut;
    state.capacity = capacity;
    state.length.store(capacity, std::memory_order_relaxed);
    return descriptor;
}

}  // namespace opendext::memory

using opendext::CheckedAdd;
using opendext::RangeIsWithin;
using opendext::memory::ConcatenatedPart;
using opendext::memory::StateOf;

bool IOMemoryDescriptor::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOMemoryDescriptor_IVars;
    if (ivars == nullptr) {
        return false;
    }
    opendext::memory::CountDescriptor(+1);
    return true;
}

void IOMemoryDescriptor::free() {
    if (ivars != nullptr) {
        opendext::memory::ForgetHeldMappings(*this);
        delete ivars;
        ivars = nullptr;
        opendext::memory::CountDescriptor(-1);
    }
    super::free();
}

kern_return_t IOMemoryDescriptor::GetLength(uint64_t *returnLength) {
    if (returnLength == nullptr) {
        return kIOReturnBadArgument;
    }
    *returnLength = StateOf(*this).length.load(std::memory_order_relaxed);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOMemoryDescriptor, CreateMapping) {
    static_cast<void>(alignment);
    if (map == nullptr) {
        return kIOReturnBadArgument;
    }
    *map = nullptr;
    const auto plan = opendext::memory::PlanMapping(*this, options, address, offset, length);
    if (!plan) {
        return plan.error();
    }
    auto mapping = opendext::memory::ObtainMap(*plan);
    if (!mapping) {
        return mapping.error();
    }
    *map = mapping->release();
    return kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::Map(uint64_t options, uint64_t address, uint64_t length,
                                      uint64_t alignment, uint64_t *returnAddress,
                                      uint64_t *returnLength) {
    static_cast<void>(alignment);
    if (returnAddress == nullptr || returnLength == nullptr) {
        return kIOReturnBadArgument;
    }
    const auto plan = opendext::memory::PlanMapping(*this, options, address, 0, length);
    if (!plan) {
        return plan.error();
    }
    const auto mapped = opendext::memory::HoldMapping(*plan, *this);
    if (!mapped) {
        return mapped.error();
    }
    *returnAddress = *mapped;
    *returnLength = plan->query.length;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOMemoryDescriptor, CreateSubMemoryDescriptor) {
    if (memory == nullptr || ofDescriptor == nullptr ||
        (memoryDescriptorCreateOptions & ~uint64_t{kIOMemoryDirectionInOut}) != 0 ||
        !RangeIsWithin(offset, length,
                       StateOf(*ofDescriptor).length.load(std::memory_order_relaxed))) {
        return kIOReturnBadArgument;
    }
    auto part =
        opendext::memory::NewDescriptor(opendext::memory::MakePartBacking(ofDescriptor, offset),
                                        memoryDescriptorCreateOptions, length);
    if (part == nullptr) {
        *memory = nullptr;
        return kIOReturnNoMemory;
    }
    part->ivars->parent = ofDescriptor;
    part->ivars->parent_offset = offset;
    *memory = part.release();
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOMemoryDescriptor, CreateWithMemoryDescriptors) {
    if (withDescriptorsCount > opendext::memory::kMaxConcatenated) {
        return kIOReturnOverrun;
    }
    if (memory == nullptr || withDescriptors == nullptr || withDescriptorsCount == 0 ||
        (memoryDescriptorCreateOptions & ~uint64_t{kIOMemoryDirectionInOut}) != 0 ||
        std::find(withDescriptors, withDescriptors + withDescriptorsCount, nullptr) !=
            withDescriptors + withDescriptorsCount) {
        return kIOReturnBadArgument;
    }
    *memory = nullptr;
    std::vector<ConcatenatedPart> parts;
    uint64_t total = 0;
    for (uint32_t i = 0; i < withDescriptorsCount; ++i) {
        const uint64_t length = StateOf(*withDescriptors[i]).length.load(std::memory_order_relaxed);
        const auto sum = CheckedAdd(total, length);
        if (!sum) {
            return kIOReturnNoMemory;
        }
        total = *sum;
        parts.push_back({opendext::memory::Retain(withDescriptors[i]), length});
    }
    auto whole = opendext::memory::NewDescriptor(
        opendext::memory::MakeConcatenationBacking(std::move(parts)), memoryDescriptorCreateOptions,
        total);
    if (whole == nullptr) {
        return kIOReturnNoMemory;
    }
    *memory = whole.release();
    return kIOReturnSuccess;
}
