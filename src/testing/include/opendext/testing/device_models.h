// SPDX-License-Identifier: Apache-2.0
/// @file device_models.h
/// What a device model of a test is written with: PciDeviceModel and PciDeviceBuilder, UsbDeviceModel and
/// UsbDeviceBuilder, in the namespace opendext::backends. docs/device-models.md tells how.
#pragma once

#include "backends/emulated/device_description.h"
#include "backends/emulated/device_model.h"
#include "backends/emulated/usb_description.h"
#include "backends/emulated/usb_device_model.h"
