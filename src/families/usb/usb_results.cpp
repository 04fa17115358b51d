// SPDX-License-Identifier: Apache-2.0
#include "families/usb/usb_results.h"

#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>

namespace opendext::usb {

using backends::BackendErrorCode;
using backends::UsbSpeed;
using backends::UsbStatus;

kern_return_t ResultOf(UsbStatus status) {
    switch (status) {
        case UsbStatus::kSuccess:
            return kIOReturnSuccess;
        case UsbStatus::kStalled:
            return kUSBHostReturnPipeStalled;
        case UsbStatus::kTimedOut:
            return kIOReturnTimeout;
        case UsbStatus::kAborted:
        case UsbStatus::kRemoved:
            return kIOReturnAborted;
        case UsbStatus::kBabble:
            return kIOReturnOverrun;
        case UsbStatus::kNotResponding:
            return kIOReturnNotResponding;
        case UsbStatus::kNotOpen:
            return kIOReturnNotOpen;
        case UsbStatus::kInvalidArgument:
            return kIOReturnBadArgument;
        case UsbStatus::kNoResources:
            return kIOReturnNoResources;
        case UsbStatus::kUnsupported:
            return kIOReturnUnsupported;
        case UsbStatus::kTooLate:
            return kIOReturnIsoTooOld;
        case UsbStatus::kTooEarly:
            return kIOReturnIsoTooNew;
        case UsbStatus::kUnderrun:
            return kIOReturnUnderrun;
    }
    return kIOReturnError;
}

kern_return_t ResultOf(const backends::BackendError &error) {
    switch (error.code) {
        case BackendErrorCode::kUnsupported:
            return kUSBHostReturnPipeStalled;  // the device refused the request
        case BackendErrorCode::kInvalidArgument:
            return kIOReturnBadArgument;
        case BackendErrorCode::kNotFound:
            return kIOReturnNotFound;
        case BackendErrorCode::kBusy:
            return kIOReturnExclusiveAccess;
        case BackendErrorCode::kRemoved:
            return kIOReturnNoDevice;
        case BackendErrorCode::kNoResources:
        case BackendErrorCode::kNotAligned:
        case BackendErrorCode::kAddressTooWide:
            return kIOReturnNoResources;
    }
    return kIOReturnError;
}

bool IsRefusal(UsbStatus status) {
    switch (status) {
        case UsbStatus::kRemoved:
        case UsbStatus::kNotOpen:
        case UsbStatus::kInvalidArgument:
        case UsbStatus::kNoResources:
        case UsbStatus::kUnsupported:
        case UsbStatus::kTooLate:
        case UsbStatus::kTooEarly:
            return true;
        default:
            return false;
    }
}

kern_return_t RefusalOf(UsbStatus status) {
    return status == UsbStatus::kRemoved ? kIOReturnNoDevice : ResultOf(status);
}

uint8_t ConnectionSpeedOf(UsbSpeed speed) {
    switch (speed) {
        case UsbSpeed::kLow:
            return kIOUSBHostConnectionSpeedLow;
        case UsbSpeed::kFull:
            return kIOUSBHostConnectionSpeedFull;
        case UsbSpeed::kHigh:
            return kIOUSBHostConnectionSpeedHigh;
        case UsbSpeed::kSuper:
            return kIOUSBHostConnectionSpeedSuper;
        case UsbSpeed::kSuperPlus:
            return kIOUSBHostConnectionSpeedSuperPlus;
    }
    return kIOUSBHostConnectionSpeedNone;
}

}  // namespace opendext::usb
