// SPDX-License-Identifier: Apache-2.0
/// @file TransferEngine.h
/// Moves bytes between host memory and the card's RAM: few through the RAM's window, many by DMA.
#ifndef TRANSFER_ENGINE_H
#define TRANSFER_ENGINE_H

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSSharedPtr.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <opendext/toolkit.h>

#include "FpgaRegisters.h"

enum class TransferDirection { kToCard, kFromCard };

/// The card behind an open IOPCIDevice. All it does happens on one reentrant queue: a DMA transfer
/// gives the queue up while it waits for the card, so that the interrupt and small transfers get
/// their turn; a second DMA transfer waits. Callers of the transfers must not be on that queue;
/// they are blocked until it is done.
class TransferEngine {
public:
    TransferEngine() = default;
    ~TransferEngine() = default;
    TransferEngine(const TransferEngine &) = delete;
    TransferEngine &operator=(const TransferEngine &) = delete;

    /// Checks that the card is the one expected and makes it ready. Before any other call.
    /// @param pci open, memory decoding and bus leading enabled; borrowed for the engine's life.
    /// @param queue kIODispatchQueueReentrant; retained.
    kern_return_t Open(IOPCIDevice *pci, IODispatchQueue *queue);

    /// Stops the card and lets waiting transfers return kIOReturnAborted; returns when the last one
    /// has left. Transfers that come later return the same. The IOPCIDevice may be closed then.
    void Close();

    /// Transfers through the RAM's window: quickest for up to a page.
    kern_return_t Write(uint64_t cardAddress, opendext::toolkit::ConstBytes bytes);
    kern_return_t Read(uint64_t cardAddress, opendext::toolkit::Bytes bytes);

    /// A DMA transfer of the first `numBytes` of `memory`, which are not copied on the way.
    kern_return_t Move(TransferDirection direction, uint64_t cardAddress,
                       IOMemoryDescriptor *memory, uint64_t numBytes);

    /// On the queue: takes note of what the card reports, if anything.
    void HandleInterrupt();

    uint64_t RamBytes() const { return ramBytes_; }
    uint32_t Version() const { return version_; }

private:
    using DmaPreparation = opendext::toolkit::DmaPreparation;

    kern_return_t Identify();
    kern_return_t PrepareList();
    void ResetCard();
    kern_return_t CheckRange(uint64_t cardAddress, uint64_t numBytes) const;

    kern_return_t MoveInPieces(TransferDirection direction, uint64_t cardAddress,
                               IOMemoryDescriptor *memory, uint64_t numBytes);
    kern_return_t MovePiece(TransferDirection direction, uint64_t cardAddress,
                            IOMemoryDescriptor *memory, uint64_t offset, uint64_t numBytes,
                            uint64_t *moved);
    uint64_t FillList(TransferDirection direction, uint64_t cardAddress,
                      const DmaPreparation &preparation, uint64_t numBytes);
    kern_return_t RunList(uint64_t numBytes);
    kern_return_t ReportError();

    uint32_t ReadRegister(FpgaRegister reg) const;
    void WriteRegister(FpgaRegister reg, uint32_t value);

    IOPCIDevice *pci_ = nullptr;
    OSSharedPtr<IODispatchQueue> queue_;
    uint8_t registerIndex_ = 0;
    uint8_t ramIndex_ = 0;
    uint64_t ramBytes_ = 0;
    uint32_t version_ = 0;

    OSSharedPtr<IOBufferMemoryDescriptor> listMemory_;
    DmaPreparation listPreparation_;  // as long as the engine is open
    FpgaDescriptor *list_ = nullptr;
    OSSharedPtr<IODMACommand> dataCommand_;

    // On the queue only. The addresses of the flags are the events that transfers sleep on.
    bool isBusy_ = false;     // a DMA transfer goes on
    bool isEnded_ = false;    // the list has ended; events_ says how
    bool isClosing_ = false;  // no transfer starts any more
    uint32_t events_ = 0;     // interrupt bits since the doorbell
};

#endif
