// SPDX-License-Identifier: Apache-2.0
/// @file IOUserServer.h
/// The system's own side of a driver process. It has nothing for drivers to call; some include it.
#ifndef OPENDEXT_DRIVERKIT_IOUSERSERVER_H
#define OPENDEXT_DRIVERKIT_IOUSERSERVER_H

#include <DriverKit/IOService.h>

#endif
