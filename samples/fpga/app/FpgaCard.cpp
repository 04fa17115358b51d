// SPDX-License-Identifier: Apache-2.0
#include "FpgaCard.h"

#include <mach/mach.h>
#include <stdio.h>

#include <algorithm>

#include "../driver/FpgaProtocol.h"

FpgaCard::~FpgaCard() {
    if (connection_ != IO_OBJECT_NULL) {
        IOServiceClose(connection_);
    }
}

kern_return_t FpgaCard::open() {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching(kFpgaServiceName));
    if (service == IO_OBJECT_NULL) {
        return kIOReturnNoDevice;
    }
    kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection_);
    IOObjectRelease(service);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint64_t words[kFpgaInfoWords] = {};
    uint32_t numWords = kFpgaInfoWords;
    ret = IOConnectCallScalarMethod(connection_, kFpgaGetInfo, nullptr, 0, words, &numWords);
    if (ret == kIOReturnSuccess) {
        ramBytes_ = words[kFpgaInfoRamBytes];
        version_ = static_cast<uint32_t>(words[kFpgaInfoVersion]);
    }
    return ret;
}

// One call moves at most kFpgaMaxTransferBytes. A request of no bytes is the driver's to refuse.
kern_return_t FpgaCard::read(uint64_t address, size_t size, void *buffer) {
    size_t done = 0;
    do {
        const size_t part = std::min<size_t>(size - done, kFpgaMaxTransferBytes);
        const uint64_t from = address + done;
        size_t received = part;
        const kern_return_t ret =
            IOConnectCallMethod(connection_, kFpgaRead, &from, 1, nullptr, 0, nullptr, nullptr,
                                static_cast<uint8_t *>(buffer) + done, &received);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        if (received != part) {
            return kIOReturnUnderrun;
        }
        done += part;
    } while (done < size);
    return kIOReturnSuccess;
}

kern_return_t FpgaCard::write(uint64_t address, size_t size, const void *buffer) {
    size_t done = 0;
    do {
        const size_t part = std::min<size_t>(size - done, kFpgaMaxTransferBytes);
        const uint64_t to = address + done;
        const kern_return_t ret = IOConnectCallMethod(connection_, kFpgaWrite, &to, 1,
                                                      static_cast<const uint8_t *>(buffer) + done,
                                                      part, nullptr, nullptr, nullptr, nullptr);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        done += part;
    } while (done < size);
    return kIOReturnSuccess;
}

std::string describeError(kern_return_t error) {
    static constexpr struct {
        kern_return_t error;
        const char *text;
    } kTexts[] = {
        {kIOReturnNoDevice,
         "no FpgaDriver has a card: start the driver, and attach a card (opendext run Fpga.dext "
         "--device model:fpga-dma --app ./fpga-app)"},
        {kIOReturnNotPermitted,
         "not permitted: give the application the entitlement "
         "com.apple.developer.driverkit.userclient-access for the driver"},
        {kIOReturnBadArgument,
         "the driver refuses the request: ask for 1 byte to 64 MiB in a call"},
        {kIOReturnNoSpace,
         "the range leaves the card's RAM: use a lower address or a smaller size"},
        {kIOReturnUnderrun,
         "fewer bytes came than were asked for: the driver is not of this application's version, "
         "rebuild both"},
        {kIOReturnDMAError,
         "the card refused the transfer: the driver's log says which descriptor and why"},
        {kIOReturnTimeout, "the card did not answer in time, and was reset: try again"},
        {kIOReturnAborted, "the driver was stopped: start it again"},
    };
    char code[16];
    snprintf(code, sizeof(code), "0x%08x", static_cast<unsigned>(error));
    for (const auto &entry : kTexts) {
        if (entry.error == error) {
            return std::string(entry.text) + " (" + code + ")";
        }
    }
    if (static_cast<uint32_t>(error) == 0x10000003U || error == -308) {
        return std::string("the driver's process has ended: its log says why; run again (") + code +
               ")";
    }
    return std::string("error ") + code + " of the system: the driver's log may say more";
}
