// SPDX-License-Identifier: Apache-2.0
/// @file USBDriverKitDefs.h
/// Options of Abort, and the end of descriptors that were copied.
#ifndef OPENDEXT_USBDRIVERKIT_USBDRIVERKITDEFS_H
#define OPENDEXT_USBDRIVERKIT_USBDRIVERKITDEFS_H

#include <USBDriverKit/AppleUSBDefinitions.h>

/// Options of IOUSBHostPipe::Abort and AbortDeviceRequests.
enum IOUSBAbortOptions {
    kIOUSBAbortAsynchronous = 0x0,  ///< Returns at once; the requests end soon.
    kIOUSBAbortSynchronous = 0x1,   ///< Returns when the requests have ended.
};

#ifdef __cplusplus
extern "C++" {

/// Frees what CopyDeviceDescriptor returned. NULL is ignored.
void IOUSBHostFreeDescriptor(const IOUSBDeviceDescriptor *descriptor);
/// Frees what CopyConfigurationDescriptor or CopyConfigurationDescriptorWithValue returned. NULL is ignored.
void IOUSBHostFreeDescriptor(const IOUSBConfigurationDescriptor *descriptor);
/// Frees what CopyCapabilityDescriptors returned. NULL is ignored.
void IOUSBHostFreeDescriptor(const IOUSBBOSDescriptor *descriptor);
/// Frees what CopyStringDescriptor returned. NULL is ignored.
void IOUSBHostFreeDescriptor(const IOUSBStringDescriptor *descriptor);

}  // extern "C++"
#endif

#endif
