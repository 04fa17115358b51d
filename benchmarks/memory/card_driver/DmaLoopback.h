// SPDX-License-Identifier: Apache-2.0
/// @file DmaLoopback.h
/// Bytes by DMA into a card's RAM and back, and the same bytes by memcpy.
#ifndef DMA_LOOPBACK_H
#define DMA_LOOPBACK_H

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <opendext/toolkit.h>

/// The buffers of a loopback, and what moves them. One thread. All zeros is nothing prepared: it is part of an ivars
/// structure.
struct DmaLoopback {
    IOPCIDevice *card;  // borrowed
    uint64_t numBytes;
    uint32_t round;  // tells one run's bytes from the next one's
    OSSharedPtr<IODMACommand> listCommand;
    OSSharedPtr<IODMACommand> sourceCommand;
    OSSharedPtr<IODMACommand> targetCommand;
    OSSharedPtr<IOBufferMemoryDescriptor> list;
    OSSharedPtr<IOBufferMemoryDescriptor> source;
    OSSharedPtr<IOBufferMemoryDescriptor> middle;  // where memcpy has what the card has in its RAM
    OSSharedPtr<IOBufferMemoryDescriptor> target;

    /// Makes the buffers, unless they are there, and touches them.
    kern_return_t Prepare(IOPCIDevice *openCard, uint64_t length);

    /// @param nanoseconds receives what it took, from before PrepareForDMA to after CompleteDMA.
    /// @return kIOReturnDMAError when the bytes did not arrive.
    kern_return_t TimeDma(uint64_t *nanoseconds);

    /// @param nanoseconds receives what two copies took.
    kern_return_t TimeCopy(uint64_t *nanoseconds);

    /// Releases all of it.
    void Reset();

private:
    kern_return_t MakeBuffers();
    kern_return_t RunList();
    void NewRound();
    bool HasArrived();
};

#endif
