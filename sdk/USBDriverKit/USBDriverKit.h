// SPDX-License-Identifier: Apache-2.0
/// @file USBDriverKit.h
/// Everything of USBDriverKit: drivers for USB devices and their interfaces.
#ifndef OPENDEXT_USBDRIVERKIT_USBDRIVERKIT_H
#define OPENDEXT_USBDRIVERKIT_USBDRIVERKIT_H

#include <USBDriverKit/AppleUSBDefinitions.h>
#include <USBDriverKit/AppleUSBDescriptorParsing.h>
#include <USBDriverKit/IOUSBHostDevice.h>
#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <USBDriverKit/IOUSBHostPipe.h>
#include <USBDriverKit/IOUSBHostStream.h>
#include <USBDriverKit/USBDriverKitDefs.h>

#endif
