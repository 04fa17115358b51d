// SPDX-License-Identifier: Apache-2.0
// The C functions of <mach/mach.h>.
#include <cstdio>

#include <IOKit/IOReturn.h>
#include <mach/mach_error.h>
#include <mach/mach_init.h>

#include "channel/wire/call.h"

const mach_port_t mach_task_self_ = 0x103;

namespace {

struct ErrorText {
    mach_error_t value;
    const char *text;
};

constexpr ErrorText kErrorTexts[] = {
    {KERN_SUCCESS, "success"},
    {KERN_INVALID_ADDRESS, "invalid address"},
    {KERN_PROTECTION_FAILURE, "protection failure"},
    {KERN_NO_SPACE, "no space available"},
    {KERN_INVALID_ARGUMENT, "invalid argument"},
    {KERN_FAILURE, "failure"},
    {KERN_RESOURCE_SHORTAGE, "resource shortage"},
    {opendext::channel::kMachSendInvalidDest,
     "invalid destination: no open connection of this process, or its driver is gone"},
    {opendext::channel::kMigServerDied, "server died: the driver ended during the call"},
    {opendext::channel::kMigArrayTooLarge, "array too large: more than the interface carries"},
    {kIOReturnError, "general error"},
    {kIOReturnNoMemory, "no memory"},
    {kIOReturnNoResources, "no resources"},
    {kIOReturnIPCError, "error during IPC"},
    {kIOReturnNoDevice, "no such device"},
    {kIOReturnNotPrivileged, "privilege violation"},
    {kIOReturnBadArgument, "bad argument"},
    {kIOReturnExclusiveAccess, "exclusive access: the device is open already"},
    {kIOReturnUnsupported, "unsupported function"},
    {kIOReturnVMError, "virtual memory failure"},
    {kIOReturnNotOpen, "not open"},
    {kIOReturnNotAligned, "not aligned"},
    {kIOReturnBusy, "busy"},
    {kIOReturnTimeout, "timed out"},
    {kIOReturnOffline, "offline"},
    {kIOReturnNotReady, "not ready"},
    {kIOReturnNotAttached, "not attached"},
    {kIOReturnNoSpace, "no space for data"},
    {kIOReturnNoInterrupt, "no such interrupt"},
    {kIOReturnMessageTooLarge, "message too large"},
    {kIOReturnNotPermitted, "not permitted"},
    {kIOReturnUnderrun, "data underrun"},
    {kIOReturnOverrun, "data overrun"},
    {kIOReturnNoCompletion, "no completion routine"},
    {kIOReturnAborted, "aborted"},
    {kIOReturnNotResponding, "not responding"},
    {kIOReturnNotFound, "not found"},
};

}  // namespace

const char *mach_error_string(mach_error_t error_value) {
    for (const ErrorText &error : kErrorTexts) {
        if (error.value == error_value) {
            return error.text;
        }
    }
    return "unknown error code";
}

void mach_error(const char *str, mach_error_t error_value) {
    std::fprintf(stderr, "%s: %s (0x%x)\n", str, mach_error_string(error_value),
                 static_cast<unsigned>(error_value));
}
