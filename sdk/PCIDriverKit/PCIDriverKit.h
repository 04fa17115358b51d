// SPDX-License-Identifier: Apache-2.0
/// @file PCIDriverKit.h
/// Everything of PCIDriverKit: drivers for PCI and PCI Express devices.
#ifndef OPENDEXT_PCIDRIVERKIT_PCIDRIVERKIT_H
#define OPENDEXT_PCIDRIVERKIT_PCIDRIVERKIT_H

#include <PCIDriverKit/IOPCIDevice.h>
#include <PCIDriverKit/IOPCIFamilyDefinitions.h>

#endif
