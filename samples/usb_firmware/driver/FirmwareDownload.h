// SPDX-License-Identifier: Apache-2.0
/// @file FirmwareDownload.h
/// One image on its way to the device.
#ifndef FIRMWARE_DOWNLOAD_H
#define FIRMWARE_DOWNLOAD_H

#include <DriverKit/DriverKit.h>
#include <USBDriverKit/USBDriverKit.h>
#include <opendext/toolkit.h>
#include <stdint.h>

#include "FirmwareProtocol.h"

class FirmwareLoader;
class LoaderClient;

/// An image that an application has passed: its memory, kept, and what was found in it.
struct CheckedImage {
    OSSharedPtr<OSData> data;            // an image of up to 4096 bytes
    opendext::toolkit::Mapping mapping;  // a larger one
    FirmwareImageHeader header = {};
    opendext::toolkit::ConstBytes payload;

    /// Takes the input of a call. Nothing of it is believed.
    /// @return kIOReturnBadArgument when it is no image, or the error of mapping it.
    kern_return_t Take(IOUserClientMethodArguments *arguments);
};

/// Sends the payload through a few pooled buffers that are filled in turn, tells the client how far it is, and has the
/// device verify it. Everything runs on the queue FirmwareDownload. One download at a time.
class FirmwareDownload {
public:
    FirmwareDownload();
    ~FirmwareDownload();
    FirmwareDownload(const FirmwareDownload &) = delete;
    FirmwareDownload &operator=(const FirmwareDownload &) = delete;

    /// The arguments outlive this object. @return an error of making buffers.
    kern_return_t Open(FirmwareLoader *loader, IOUSBHostInterface *interface, IOUSBHostPipe *pipe);

    /// Starts; `completion` is invoked through `client` until it is over.
    /// @return kIOReturnBusy, kIOReturnAborted (closed), or what the device answered.
    kern_return_t Begin(LoaderClient *client, OSAction *completion, CheckedImage *image);

    /// A block's transfer has ended.
    void BlockSent(OSAction *action, IOReturn status, uint32_t numBytes);

    /// The client has gone: its download ends, and nobody is told.
    void Abandon(LoaderClient *client);

    /// Ends a download with kIOReturnAborted and refuses others; calls the loader's FinishStop, once, when nothing is
    /// under way any more.
    void Close();

    /// Of a download that is closed, or was never opened. The actions keep the loader, which has this object: nobody would
    /// ever be freed.
    void DropActions();

private:
    enum { kNumSlots = 4, kBlockBytes = 256 * 1024 };
    struct Slot {
        OSAction *action = nullptr;  // its reference memory holds the slot's number
        opendext::toolkit::PooledDescriptor buffer;
        uint32_t numBytes = 0;
    };

    kern_return_t SendRequest(uint8_t request, opendext::toolkit::ConstBytes bytes);
    void SendBlocks();
    kern_return_t SendBlock(Slot *slot);
    void Fail(kern_return_t error);
    void Verify();
    void Report(kern_return_t status, FirmwarePhase phase);
    void End(kern_return_t status);

    FirmwareLoader *loader_ = nullptr;
    IOUSBHostInterface *interface_ = nullptr;
    IOUSBHostPipe *pipe_ = nullptr;
    opendext::toolkit::DescriptorPool pool_;
    Slot slots_[kNumSlots];

    OSSharedPtr<LoaderClient> client_;  // whose download it is
    OSSharedPtr<OSAction> completion_;
    CheckedImage *image_ = nullptr;  // NULL: none is under way
    uint64_t sentBytes_ = 0;         // handed to the pipe
    uint64_t doneBytes_ = 0;         // with the device
    uint64_t reportedBytes_ = 0;
    uint32_t numInFlight_ = 0;
    kern_return_t error_ = kIOReturnSuccess;  // of the first block that failed
    bool isClosed_ = false;
};

#endif
