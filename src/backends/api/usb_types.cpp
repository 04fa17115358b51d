// SPDX-License-Identifier: Apache-2.0
#include "backends/api/usb_types.h"

namespace opendext::backends {

std::string_view NameOf(UsbStatus status) {
    switch (status) {
        case UsbStatus::kSuccess:
            return "done";
        case UsbStatus::kStalled:
            return "stalled";
        case UsbStatus::kTimedOut:
            return "timed out";
        case UsbStatus::kAborted:
            return "aborted";
        case UsbStatus::kRemoved:
            return "device removed";
        case UsbStatus::kBabble:
            return "babble";
        case UsbStatus::kNotResponding:
            return "not responding";
        case UsbStatus::kNotOpen:
            return "endpoint not open";
        case UsbStatus::kInvalidArgument:
            return "invalid argument";
        case UsbStatus::kNoResources:
            return "no resources";
        case UsbStatus::kUnsupported:
            return "unsupported";
        case UsbStatus::kTooLate:
            return "too late";
        case UsbStatus::kTooEarly:
            return "too early";
        case UsbStatus::kUnderrun:
            return "underrun";
    }
    return "unknown status";
}

}  // namespace opendext::backends
