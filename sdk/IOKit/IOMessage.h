// SPDX-License-Identifier: Apache-2.0
/// @file IOMessage.h
/// Message types of interest notifications (IOServiceAddInterestNotification).
#ifndef OPENDEXT_IOKIT_IOMESSAGE_H
#define OPENDEXT_IOKIT_IOMESSAGE_H

#include <IOKit/IOReturn.h>

/// A message type of the common subsystem.
#define iokit_common_msg(message) ((uint32_t)(sys_iokit | sub_iokit_common | (message)))

/// The service is going away; the only message that services of dexts send.
#define kIOMessageServiceIsTerminated iokit_common_msg(0x010)

#endif
