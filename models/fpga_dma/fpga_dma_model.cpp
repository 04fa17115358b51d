// SPDX-License-Identifier: Apache-2.0
#include "models/fpga_dma/fpga_dma_model.h"

#include <bit>

namespace opendext::models {

using backends::AccessWidth;
using backends::BarKind;
using namespace fpga_dma;

namespace {

constexpr uint32_t Low(uint64_t value) {
    return static_cast<uint32_t>(value);
}
constexpr uint32_t High(uint64_t value) {
    return static_cast<uint32_t>(value >> 32);
}
constexpr uint64_t WithLow(uint64_t old, uint32_t low) {
    return (old & ~0xFFFFFFFFULL) | low;
}
constexpr uint64_t WithHigh(uint64_t old, uint32_t high) {
    return (old & 0xFFFFFFFF) | uint64_t{high} << 32;
}

}  // namespace

backends::BackendResult<backends::PciDeviceDescription> FpgaDmaModel::Describe() const {
    constexpr uint64_t kSerialNumber = 0x0FDA'0000'0000'0001;
    return backends::PciDeviceBuilder(kVendorId, kDeviceId, kClassCode)
        .Revision(kRevisionId)
        .Subsystem(kSubsystemVendorId, kSubsystemId)
        .InterruptPin(1)
        .RegisterBar(kRegisterBar, kRegisterBarBytes)
        .RamBar(kRamBar, options_.ram_bytes, BarKind::kMemory64Prefetchable)
        .PowerManagement()
        .PciExpress({.function_level_reset = true})
        .Msi({.num_vectors = kNumVectors})
        .Msix({.num_vectors = kNumVectors,
               .bar_index = kRegisterBar,
               .table_offset = kMsixTableOffset,
               .pending_offset = kMsixPendingOffset})
        .SerialNumber(kSerialNumber)
        .Build();
}

void FpgaDmaModel::Attach(backends::DevicePort &port) {
    port_ = &port;
    engine_ = std::make_unique<DmaEngine>(mutex(), port, port.BarMemory(kRamBar),
                                          static_cast<DmaEngineListener &>(*this));
}

uint64_t FpgaDmaModel::ReadRegister(uint8_t, uint64_t offset, AccessWidth width) {
    if (offset % NumBytes(width) != 0) {
        return AllOnes(width);
    }
    const auto word = static_cast<uint32_t>(offset & ~3ULL);
    const uint64_t low = ReadWord(word);
    if (width == AccessWidth::k64) {
        return low | uint64_t{ReadWord(word + 4)} << 32;
    }
    return low >> (8 * (offset & 3));
}

void FpgaDmaModel::WriteRegister(uint8_t, uint64_t offset, AccessWidth width, uint64_t value) {
    if (offset % NumBytes(width) != 0 || NumBytes(width) < 4) {
        return;
    }
    const auto word = static_cast<uint32_t>(offset);
    WriteWord(word, Low(value));
    if (width == AccessWidth::k64) {
        WriteWord(word + 4, High(value));
    }
}

uint32_t FpgaDmaModel::ReadWord(uint32_t offset) const {
    const uint64_t ram_bytes = options_.ram_bytes;
    switch (offset) {
        case kRegId:
            return kIdValue;
        case kRegVersion:
            return kVersionValue;
        case kRegScratch:
            return registers_.scratch;
        case kRegControl:
            return registers_.control;
        case kRegStatus:
            return registers_.status | (engine_->IsBusy() ? kStatusBusy : 0);
        case kRegInterruptEnable:
            return registers_.interrupt_enable;
        case kRegInterruptStatus:
            return registers_.interrupt_status;
        case kRegRamSizeLow:
            return Low(ram_bytes);
        case kRegRamSizeHigh:
            return High(ram_bytes);
        case kRegListBaseLow:
            return Low(registers_.list_base);
        case kRegListBaseHigh:
            return High(registers_.list_base);
        case kRegListCount:
            return registers_.list_count;
        case kRegCompletedCount:
            return registers_.completed_count;
        case kRegErrorCode:
            return registers_.error.code;
        case kRegErrorAddressLow:
            return Low(registers_.error.host_address);
        case kRegErrorAddressHigh:
            return High(registers_.error.host_address);
        case kRegErrorCardAddressLow:
            return Low(registers_.error.card_address);
        case kRegErrorCardAddressHigh:
            return High(registers_.error.card_address);
        case kRegErrorIndex:
            return registers_.error.descriptor_index;
        case kRegListsEnded:
            return registers_.lists_ended;
        case kRegBytesMovedLow:
            return Low(registers_.bytes_moved);
        case kRegBytesMovedHigh:
            return High(registers_.bytes_moved);
        default:
            return 0;
    }
}

void FpgaDmaModel::WriteWord(uint32_t offset, uint32_t value) {
    switch (offset) {
        case kRegScratch:
            registers_.scratch = value;
            break;
        case kRegControl:
            WriteControl(value);
            break;
        case kRegInterruptEnable: {
            const uint32_t added = value & kInterruptAll & ~registers_.interrupt_enable;
            registers_.interrupt_enable = value & kInterruptAll;
            SendMessages(added & registers_.interrupt_status);
            UpdateLine();
            break;
        }
        case kRegInterruptStatus:
            registers_.interrupt_status &= ~value;
            UpdateLine();
            break;
        case kRegInterruptTrigger:
            Signal(value & kInterruptUser);
            break;
        case kRegListBaseLow:
            registers_.list_base = WithLow(registers_.list_base, value);
            break;
        case kRegListBaseHigh:
            registers_.list_base = WithHigh(registers_.list_base, value);
            break;
        case kRegListCount:
            registers_.list_count = value;
            break;
        case kRegDoorbell:
            RingDoorbell();
            break;
        default:
            break;
    }
}

void FpgaDmaModel::WriteControl(uint32_t value) {
    if ((value & kControlReset) != 0) {
        // The backend holds the mutex around this callback.
        std::unique_lock lock(mutex(), std::adopt_lock);
        Reset(lock);
        lock.release();
        return;
    }
    registers_.control = value & kControlEnable;
    if (registers_.control == 0) {
        engine_->Stop();
    }
}

void FpgaDmaModel::RingDoorbell() {
    if (engine_->IsBusy()) {
        registers_.status |= kStatusDoorbellIgnored;
        return;
    }
    registers_.status = 0;
    registers_.completed_count = 0;
    registers_.error = {};
    if (registers_.control == 0) {
        return EndWithError({.code = kErrorDisabled});
    }
    if (registers_.list_count == 0 || registers_.list_count > kMaxDescriptors) {
        return EndWithError({.code = kErrorBadCount});
    }
    engine_->Start(backends::IovaAddress{registers_.list_base}, registers_.list_count);
}

void FpgaDmaModel::EndWithError(const ListError &error) {
    registers_.error = error;
    registers_.status |= kStatusError;
    Signal(kInterruptError);
}

void FpgaDmaModel::Signal(uint32_t events) {
    registers_.interrupt_status |= events;
    SendMessages(events & registers_.interrupt_enable);
    UpdateLine();
}

void FpgaDmaModel::SendMessages(uint32_t events) {
    for (; events != 0; events &= events - 1) {
        port_->RaiseInterrupt(static_cast<uint32_t>(std::countr_zero(events)));
    }
}

void FpgaDmaModel::UpdateLine() {
    port_->SetInterruptLine((registers_.interrupt_status & registers_.interrupt_enable) != 0);
}

void FpgaDmaModel::OnDescriptorDone(const Descriptor &descriptor) {
    ++registers_.completed_count;
    registers_.bytes_moved += descriptor.num_bytes;
    if ((descriptor.flags & kDescriptorInterrupt) != 0) {
        Signal(kInterruptDescriptorDone);
    }
}

void FpgaDmaModel::OnListEnded(const ListError &error) {
    ++registers_.lists_ended;
    if (error.code != kErrorNone) {
        return EndWithError(error);
    }
    Signal(kInterruptListDone);
}

void FpgaDmaModel::Reset(std::unique_lock<std::mutex> &lock) {
    engine_->Abort(lock);
    registers_ = {};
    UpdateLine();
}

}  // namespace opendext::models
