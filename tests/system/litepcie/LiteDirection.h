// SPDX-License-Identifier: Apache-2.0
#ifndef LITE_DIRECTION_H
#define LITE_DIRECTION_H

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "LiteCardProtocol.h"

/// The buffers of one direction, each prepared for DMA for as long as this lives, and joined for clients.
class LiteDirection {
public:
    /// `registers`: offset of the direction's registers. The first byte of buffer N is `seed` + N.
    kern_return_t Make(IOPCIDevice *pci, uint64_t registers, uint8_t seed);
    void Free();

    /// Fills the table, and loops through it.
    void Enable();
    void Disable();

    /// Buffers done since Enable, from the loop status.
    uint64_t Count();

    /// All buffers as one range, +1.
    IOMemoryDescriptor *CopyJoined() const;

private:
    kern_return_t MakeBuffer(uint32_t index, uint8_t first);
    kern_return_t Join();
    void Write(uint64_t offset, uint32_t value);

    IOPCIDevice *pci_;  // not retained
    uint64_t registers_;
    uint64_t count_;
    uint64_t latest_status_;
    IOBufferMemoryDescriptor *buffers_[kLiteCardBuffers];
    IODMACommand *commands_[kLiteCardBuffers];
    uint64_t addresses_[kLiteCardBuffers];
    IOMemoryDescriptor *joined_;
};

#endif
