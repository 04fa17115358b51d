// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOService.h>
#include <fmt/format.h>

#include "base/checked.h"
#include "base/log.h"
#include "runtime/diagnostics/call_site.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/memory/descriptor_state.h"
#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/dma_preparation.h"

using opendext::RangeIsWithin;
using opendext::diagnostics::CallSite;
using opendext::memory::DmaPreparation;
using opendext::memory::StateOf;

struct IODMACommand_IVars {
    std::shared_ptr<opendext::memory::DmaMapper> mapper;  ///< Set by Create, then constant.
    uint8_t max_address_bits = 0;                         ///< As mapper.
    std::mutex mutex;
    std::unique_ptr<DmaPreparation> preparation;  ///< guarded by mutex; NULL: nothing is prepared
};

namespace {

constexpr uint64_t kMostAddressBits = 255;
constexpr uint64_t kPageAddressBits = 12;
constexpr uint32_t kMaxSegments = 32;

uint64_t CurrentLength(const IOMemoryDescriptor &memory) {
    return StateOf(memory).length.load(std::memory_order_relaxed);
}

void ReportPrepared(const IODMACommand *command, const DmaPreparation &preparation) {
    const opendext::diagnostics::Occurrence occurrence{
        .id = opendext::diagnostics::DiagnosticId::kDmaPreparedAtRelease,
        .class_name = command->getMetaClass()->getClassName(),
        .object = command,
        .method = {},
        .place = CallSite::OfDriver()};
    if (opendext::diagnostics::IsFirst(occurrence)) {
        opendext::diagnostics::Report(
            occurrence,
            fmt::format("its last reference is released while it has memory prepared, which the "
                        "device may still reach ({})",
                        preparation.Describe()),
            "call CompleteDMA when the device is done, before the release");
    }
}

}  // namespace

namespace opendext::memory {

bool IsPrepared(const IODMACommand &command) {
    if (command.ivars == nullptr) {
        return false;
    }
    const std::lock_guard lock(command.ivars->mutex);
    return command.ivars->preparation != nullptr;
}

}  // namespace opendext::memory

bool IODMACommand::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IODMACommand_IVars;
    return ivars != nullptr;
}

void IODMACommand::free() {
    if (ivars != nullptr && ivars->preparation != nullptr) {
        ReportPrepared(this, *ivars->preparation);
    }
    delete ivars;  // completes what is prepared
    ivars = nullptr;
    super::free();
}

kern_return_t IMPL(IODMACommand, Create) {
    if (command == nullptr || specification == nullptr || device == nullptr ||
        options != kIODMACommandCreateNoOptions ||
        specification->maxAddressBits > kMostAddressBits) {
        return kIOReturnBadArgument;
    }
    *command = nullptr;
    if (specification->maxAddressBits != 0 && specification->maxAddressBits < kPageAddressBits) {
        return kIOReturnNoMemory;
    }
    auto mapper = opendext::memory::FindDmaMapper(device);
    if (mapper == nullptr) {
        opendext::LogError(
            "IODMACommand::Create: an object of class {} does no DMA: pass the IOPCIDevice",
            device->getMetaClass()->getClassName());
        return kIOReturnUnsupported;
    }
    opendext::memory::Retained<IODMACommand> made(OSTypeAlloc(IODMACommand));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    made->ivars->mapper = std::move(mapper);
    made->ivars->max_address_bits = static_cast<uint8_t>(
        specification->maxAddressBits < 64 ? specification->maxAddressBits : 0);
    *command = made.release();
    return kIOReturnSuccess;
}

kern_return_t IMPL(IODMACommand, PrepareForDMA) {
    if (options != kIODMACommandPrepareForDMANoOptions || memory == nullptr ||
        segmentsCount == nullptr || segments == nullptr || *segmentsCount == 0 ||
        ivars == nullptr || ivars->mapper == nullptr) {
        return kIOReturnBadArgument;
    }
    if (*segmentsCount > kMaxSegments) {
        return kIOReturnOverrun;
    }
    const CallSite callers = CallSite::CallersOf(&IODMACommand::PrepareForDMA);
    opendext::memory::FetchMemory(*memory, opendext::memory::Use::kDma);
    // References that end here are released after the lock: the last release runs code of its class.
    opendext::memory::Retained<IOMemoryDescriptor> former;
    const std::lock_guard lock(ivars->mutex);
    if (ivars->preparation != nullptr) {
        if (ivars->preparation->memory() != memory) {
            return kIOReturnBusy;
        }
        ivars->preparation->NoteCompletedFrom(callers);
        former = ivars->preparation->TakeMemory();
        ivars->preparation.reset();
    }
    const uint64_t num_bytes = length != 0 ? length : CurrentLength(*memory);
    auto preparation = DmaPreparation::Make(
        ivars->mapper, {memory, offset, num_bytes, ivars->max_address_bits, this, callers});
    if (!preparation) {
        return preparation.error();
    }
    const auto made = (*preparation)->segments();
    const size_t count = std::min<size_t>(*segmentsCount, made.size());
    std::copy_n(made.begin(), count, segments);
    *segmentsCount = static_cast<uint32_t>(count);
    if (flags != nullptr) {
        *flags = (*preparation)->direction();
    }
    ivars->preparation = std::move(*preparation);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IODMACommand, CompleteDMA) {
    if (options != kIODMACommandCompleteDMANoOptions) {
        return kIOReturnBadArgument;
    }
    if (ivars == nullptr) {
        return kIOReturnNotReady;
    }
    const CallSite callers = CallSite::CallersOf(&IODMACommand::CompleteDMA);
    opendext::memory::Retained<IOMemoryDescriptor> former;  // released after the lock
    const std::lock_guard lock(ivars->mutex);
    if (ivars->preparation == nullptr) {
        return kIOReturnNotReady;
    }
    ivars->preparation->NoteCompletedFrom(callers);
    former = ivars->preparation->TakeMemory();
    ivars->preparation.reset();
    return kIOReturnSuccess;
}

kern_return_t IMPL(IODMACommand, GetPreparation) {
    if (memory != nullptr) {
        *memory = nullptr;
    }
    if (ivars == nullptr) {
        return kIOReturnNotReady;
    }
    const std::lock_guard lock(ivars->mutex);
    const DmaPreparation *preparation = ivars->preparation.get();
    if (preparation == nullptr) {
        return kIOReturnNotReady;
    }
    if (offset != nullptr) {
        *offset = preparation->offset();
    }
    if (length != nullptr) {
        *length = preparation->length();
    }
    if (memory != nullptr) {
        *memory = preparation->memory();
        (*memory)->retain();
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(IODMACommand, PerformOperation) {
    constexpr uint64_t kKnown = kIODMACommandPerformOperationOptionRead |
                                kIODMACommandPerformOperationOptionWrite |
                                kIODMACommandPerformOperationOptionZero;
    if ((options & ~kKnown) != 0) {
        return kIOReturnBadArgument;
    }
    if (ivars == nullptr) {
        return kIOReturnNotReady;
    }
    if (data != nullptr) {
        opendext::memory::FetchMemory(*data, opendext::memory::Use::kDma);
    }
    const std::lock_guard lock(ivars->mutex);
    const DmaPreparation *preparation = ivars->preparation.get();
    if (preparation == nullptr) {
        return kIOReturnNotReady;
    }
    const bool reads = options == kIODMACommandPerformOperationOptionRead;
    const bool zeroes = options == kIODMACommandPerformOperationOptionZero;
    const IOMemoryDescriptor &dma = *preparation->memory();
    if (length > CurrentLength(dma) ||
        (!reads && !zeroes && options != kIODMACommandPerformOperationOptionWrite)) {
        return kIOReturnBadArgument;
    }
    if (!zeroes && (data == nullptr || length > CurrentLength(*data))) {
        return kIOReturnBadArgument;
    }
    if (!RangeIsWithin(dmaOffset, length, preparation->length()) ||
        (!zeroes && !RangeIsWithin(dataOffset, length, CurrentLength(*data)))) {
        return kIOReturnUnderrun;
    }
    const uint64_t dma_start = preparation->offset() + dmaOffset;
    return reads ? opendext::memory::CopyBetween(&dma, dma_start, *data, dataOffset, length)
                 : opendext::memory::CopyBetween(zeroes ? nullptr : data, dataOffset, dma,
                                                 dma_start, length);
}
