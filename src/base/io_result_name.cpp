// SPDX-License-Identifier: Apache-2.0
#include "base/io_result_name.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace opendext {

namespace {

struct Named {
    uint32_t code;
    std::string_view name;
};

// By code. Those of DriverKit/IOReturn.h and mach/kern_return.h, and what calls to a dead driver give.
constexpr Named kNames[] = {
    {0x00000000, "kIOReturnSuccess"},
    {0x00000001, "KERN_INVALID_ADDRESS"},
    {0x00000002, "KERN_PROTECTION_FAILURE"},
    {0x00000003, "KERN_NO_SPACE"},
    {0x00000004, "KERN_INVALID_ARGUMENT"},
    {0x00000005, "KERN_FAILURE"},
    {0x00000006, "KERN_RESOURCE_SHORTAGE"},
    {0x00000007, "KERN_NOT_RECEIVER"},
    {0x00000008, "KERN_NO_ACCESS"},
    {0x0000000b, "KERN_ALREADY_IN_SET"},
    {0x0000000d, "KERN_NAME_EXISTS"},
    {0x0000000e, "KERN_ABORTED"},
    {0x0000000f, "KERN_INVALID_NAME"},
    {0x00000010, "KERN_INVALID_TASK"},
    {0x00000011, "KERN_INVALID_RIGHT"},
    {0x00000012, "KERN_INVALID_VALUE"},
    {0x00000013, "KERN_UREFS_OVERFLOW"},
    {0x00000014, "KERN_INVALID_CAPABILITY"},
    {0x00000025, "KERN_TERMINATED"},
    {0x0000002e, "KERN_NOT_SUPPORTED"},
    {0x00000031, "KERN_OPERATION_TIMED_OUT"},
    {0x10000003, "MACH_SEND_INVALID_DEST"},
    {0xe0000001, "kIOReturnInvalid"},
    {0xe00002bc, "kIOReturnError"},
    {0xe00002bd, "kIOReturnNoMemory"},
    {0xe00002be, "kIOReturnNoResources"},
    {0xe00002bf, "kIOReturnIPCError"},
    {0xe00002c0, "kIOReturnNoDevice"},
    {0xe00002c1, "kIOReturnNotPrivileged"},
    {0xe00002c2, "kIOReturnBadArgument"},
    {0xe00002c3, "kIOReturnLockedRead"},
    {0xe00002c4, "kIOReturnLockedWrite"},
    {0xe00002c5, "kIOReturnExclusiveAccess"},
    {0xe00002c6, "kIOReturnBadMessageID"},
    {0xe00002c7, "kIOReturnUnsupported"},
    {0xe00002c8, "kIOReturnVMError"},
    {0xe00002c9, "kIOReturnInternalError"},
    {0xe00002ca, "kIOReturnIOError"},
    {0xe00002cc, "kIOReturnCannotLock"},
    {0xe00002cd, "kIOReturnNotOpen"},
    {0xe00002ce, "kIOReturnNotReadable"},
    {0xe00002cf, "kIOReturnNotWritable"},
    {0xe00002d0, "kIOReturnNotAligned"},
    {0xe00002d1, "kIOReturnBadMedia"},
    {0xe00002d2, "kIOReturnStillOpen"},
    {0xe00002d3, "kIOReturnRLDError"},
    {0xe00002d4, "kIOReturnDMAError"},
    {0xe00002d5, "kIOReturnBusy"},
    {0xe00002d6, "kIOReturnTimeout"},
    {0xe00002d7, "kIOReturnOffline"},
    {0xe00002d8, "kIOReturnNotReady"},
    {0xe00002d9, "kIOReturnNotAttached"},
    {0xe00002da, "kIOReturnNoChannels"},
    {0xe00002db, "kIOReturnNoSpace"},
    {0xe00002dd, "kIOReturnPortExists"},
    {0xe00002de, "kIOReturnCannotWire"},
    {0xe00002df, "kIOReturnNoInterrupt"},
    {0xe00002e0, "kIOReturnNoFrames"},
    {0xe00002e1, "kIOReturnMessageTooLarge"},
    {0xe00002e2, "kIOReturnNotPermitted"},
    {0xe00002e3, "kIOReturnNoPower"},
    {0xe00002e4, "kIOReturnNoMedia"},
    {0xe00002e5, "kIOReturnUnformattedMedia"},
    {0xe00002e6, "kIOReturnUnsupportedMode"},
    {0xe00002e7, "kIOReturnUnderrun"},
    {0xe00002e8, "kIOReturnOverrun"},
    {0xe00002e9, "kIOReturnDeviceError"},
    {0xe00002ea, "kIOReturnNoCompletion"},
    {0xe00002eb, "kIOReturnAborted"},
    {0xe00002ec, "kIOReturnNoBandwidth"},
    {0xe00002ed, "kIOReturnNotResponding"},
    {0xe00002ee, "kIOReturnIsoTooOld"},
    {0xe00002ef, "kIOReturnIsoTooNew"},
    {0xe00002f0, "kIOReturnNotFound"},
    {0xfffffecc, "MIG_SERVER_DIED"},
    {0xfffffecd, "MIG_ARRAY_TOO_LARGE"},
};
static_assert(std::ranges::is_sorted(kNames, {}, &Named::code));

}  // namespace

std::string DescribeIoResult(int32_t result) {
    const auto code = static_cast<uint32_t>(result);
    const auto *found = std::ranges::lower_bound(kNames, code, {}, &Named::code);
    if (found == std::end(kNames) || found->code != code) {
        return fmt::format("{:#010x}", code);
    }
    return fmt::format("{} ({:#010x})", found->name, code);
}

}  // namespace opendext
