// SPDX-License-Identifier: Apache-2.0
#include "families/usb/testing/completion_log.h"

bool UsbTestDriver::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new UsbTestDriver_IVars;
    return true;
}

void UsbTestDriver::free() {
    delete ivars;
    super::free();
}

void IMPL(UsbTestDriver, IOCompleted) {
    ivars->log.Add({.action = action,
                    .status = status,
                    .num_bytes = actualByteCount,
                    .time = completionTimestamp});
}

void IMPL(UsbTestDriver, RequestCompleted) {
    ivars->log.Add({.action = action, .status = status, .num_bytes = bytesTransferred});
}

void IMPL(UsbTestDriver, FramesCompleted) {
    ivars->log.Add({.action = action, .status = status});
}

void IMPL(UsbTestDriver, BundleCompleted) {
    const bool is_whole = actualByteCountArrayCount == static_cast<int>(ioCompletionCount) &&
                          statusArrayCount == static_cast<int>(ioCompletionCount);
    for (uint32_t i = 0; i < ioCompletionCount; ++i) {
        ivars->log.Add({.action = action,
                        .status = is_whole ? statusArray[i] : kIOReturnInternalError,
                        .num_bytes = actualByteCountArray[i],
                        .index = ioCompletionIndex + i,
                        .count = ioCompletionCount});
    }
}
