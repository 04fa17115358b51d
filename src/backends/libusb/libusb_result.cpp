// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_result.h"

#include <fmt/format.h>

namespace opendext::backends {
namespace {

BackendErrorCode CodeOf(int error) {
    switch (error) {
        case LIBUSB_ERROR_NO_DEVICE:
            return BackendErrorCode::kRemoved;
        case LIBUSB_ERROR_NOT_FOUND:
            return BackendErrorCode::kNotFound;
        case LIBUSB_ERROR_BUSY:
        case LIBUSB_ERROR_ACCESS:
            return BackendErrorCode::kBusy;
        case LIBUSB_ERROR_NO_MEM:
            return BackendErrorCode::kNoResources;
        case LIBUSB_ERROR_INVALID_PARAM:
            return BackendErrorCode::kInvalidArgument;
        default:
            // A stall, an error of the bus, or a kernel that cannot do it.
            return BackendErrorCode::kUnsupported;
    }
}

}  // namespace

UsbStatus StatusOf(libusb_transfer_status status) {
    switch (status) {
        case LIBUSB_TRANSFER_COMPLETED:
            return UsbStatus::kSuccess;
        case LIBUSB_TRANSFER_TIMED_OUT:
            return UsbStatus::kTimedOut;
        case LIBUSB_TRANSFER_CANCELLED:
            return UsbStatus::kAborted;
        case LIBUSB_TRANSFER_STALL:
            return UsbStatus::kStalled;
        case LIBUSB_TRANSFER_NO_DEVICE:
            return UsbStatus::kRemoved;
        case LIBUSB_TRANSFER_OVERFLOW:
            return UsbStatus::kBabble;
        case LIBUSB_TRANSFER_ERROR:
            break;
    }
    return UsbStatus::kNotResponding;
}

UsbStatus StatusOfRefusal(int error) {
    switch (error) {
        case LIBUSB_ERROR_NO_DEVICE:
            return UsbStatus::kRemoved;
        case LIBUSB_ERROR_NO_MEM:
            return UsbStatus::kNoResources;
        case LIBUSB_ERROR_INVALID_PARAM:
            return UsbStatus::kInvalidArgument;
        case LIBUSB_ERROR_NOT_SUPPORTED:
            return UsbStatus::kUnsupported;
        case LIBUSB_ERROR_NOT_FOUND:
        case LIBUSB_ERROR_BUSY:
        case LIBUSB_ERROR_ACCESS:
            return UsbStatus::kNotOpen;
        case LIBUSB_ERROR_PIPE:
            return UsbStatus::kStalled;
        default:
            return UsbStatus::kNotResponding;
    }
}

BackendResult<void> ResultOf(int error, std::string_view what) {
    if (error >= 0) {
        return {};
    }
    return Refuse(CodeOf(error), fmt::format("{}: {} ({})", what, libusb_strerror(error),
                                             libusb_error_name(error)));
}

}  // namespace opendext::backends
