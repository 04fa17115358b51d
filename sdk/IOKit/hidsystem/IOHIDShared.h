// SPDX-License-Identifier: Apache-2.0
/// @file IOHIDShared.h
/// The connection types of the HID system, of which clients of other drivers borrow the first, 0.
#ifndef OPENDEXT_IOKIT_HIDSYSTEM_IOHIDSHARED_H
#define OPENDEXT_IOKIT_HIDSYSTEM_IOHIDSHARED_H

#include <IOKit/IOKitLib.h>

/// `type` arguments of IOServiceOpen.
enum {
    kIOHIDServerConnectType = 0,
    kIOHIDParamConnectType = 1,
    kIOHIDStackShotConnectType = 2,
    kIOHIDEventSystemConnectType = 3,
};

#endif
