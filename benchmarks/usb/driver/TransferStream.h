// SPDX-License-Identifier: Apache-2.0
/// @file TransferStream.h
/// Transfers to a pipe, some of them in flight at any time.
#ifndef TRANSFER_STREAM_H
#define TRANSFER_STREAM_H

#include <DriverKit/DriverKit.h>
#include <USBDriverKit/USBDriverKit.h>
#include <stdint.h>

class UsbBenchService;

/// Run and RunAtOnce are called by one thread at a time, not on the queue, and wait for the last completion.
class TransferStream {
public:
    enum { kMaxInFlight = 16, kMaxAtOnce = 1024 };

    TransferStream() = default;
    ~TransferStream() { Close(); }
    TransferStream(const TransferStream &) = delete;
    TransferStream &operator=(const TransferStream &) = delete;

    /// The arguments outlive this object; `queue` is reentrant and runs TransferDone.
    kern_return_t Open(UsbBenchService *service, IOUSBHostInterface *interface, IOUSBHostPipe *pipe,
                       IODispatchQueue *queue);

    /// Lets go of the actions, which keep the service. After the last completion.
    void Close();

    /// Sends `numBytes` in transfers of `bytesEach`, `depth` at a time.
    /// @param source each buffer is filled from it before it is sent; NULL: the buffers go as they are.
    kern_return_t Run(uint64_t numBytes, uint32_t bytesEach, uint32_t depth, const uint8_t *source);

    /// Starts `count` transfers of different lengths before it looks at any.
    /// @param numOutOfTurn completions whose length was not that of their turn.
    kern_return_t RunAtOnce(uint32_t count, uint64_t *numOutOfTurn);

    void TransferDone(OSAction *action, IOReturn status, uint32_t numBytes);

private:
    struct Slot {
        OSAction *action;  // its reference memory holds the slot's number
        IOBufferMemoryDescriptor *buffer;
        uint8_t *bytes;
    };

    kern_return_t MakeBuffers(uint32_t bytesEach, uint32_t count);
    void DropBuffers();
    void SendNext(Slot *slot);
    kern_return_t AwaitEnd();

    UsbBenchService *service_ = nullptr;
    IOUSBHostInterface *interface_ = nullptr;
    IOUSBHostPipe *pipe_ = nullptr;
    IODispatchQueue *queue_ = nullptr;
    Slot slots_[kMaxInFlight] = {};
    uint32_t numBuffers_ = 0;
    uint32_t bytesEach_ = 0;

    // Used on the queue.
    const uint8_t *source_ = nullptr;
    uint64_t numBytes_ = 0;
    uint64_t sentBytes_ = 0;
    uint32_t numInFlight_ = 0;
    bool isAtOnce_ = false;
    uint32_t numDone_ = 0;
    uint64_t numOutOfTurn_ = 0;
    kern_return_t result_ = kIOReturnSuccess;
    bool isOver_ = true;
};

#endif
