// SPDX-License-Identifier: Apache-2.0
/// @file USB.h
/// What a client of a USB driver's user client takes from this header: the IOKit library and result codes.
#ifndef OPENDEXT_IOKIT_USB_USB_H
#define OPENDEXT_IOKIT_USB_USB_H

#include <IOKit/IOKitLib.h>
#include <IOKit/IOReturn.h>

#endif
