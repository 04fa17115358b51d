// SPDX-License-Identifier: Apache-2.0
/// @file IOKitKeys.h
/// Keys of matching dictionaries and properties, planes, and notification types.
#ifndef OPENDEXT_IOKIT_IOKITKEYS_H
#define OPENDEXT_IOKIT_IOKITKEYS_H

// Planes. Every entry is in the service plane.
#define kIOServicePlane "IOService"
#define kIOPowerPlane "IOPower"

// Matching dictionaries.
#define kIOProviderClassKey "IOProviderClass"
#define kIONameMatchKey "IONameMatch"
#define kIOPropertyMatchKey "IOPropertyMatch"
#define kIOPropertyExistsMatchKey "IOPropertyExistsMatch"
#define kIOPathMatchKey "IOPathMatch"
#define kIOLocationMatchKey "IOLocationMatch"
#define kIOParentMatchKey "IOParentMatch"
#define kIOResourceMatchKey "IOResourceMatch"
#define kIORegistryEntryIDKey "IORegistryEntryID"
#define kIOBSDNameKey "BSD Name"

// Properties of services.
#define kIOClassKey "IOClass"
#define kIOUserClassKey "IOUserClass"
#define kIOUserServerNameKey "IOUserServerName"
#define kIOMatchCategoryKey "IOMatchCategory"
#define kIOProbeScoreKey "IOProbeScore"
#define kIOBundleIdentifierKey "CFBundleIdentifier"
#define kIOUserClientCreatorKey "IOUserClientCreator"

// Types of IOServiceAddMatchingNotification.
#define kIOPublishNotification "IOServicePublish"            ///< Registered.
#define kIOFirstPublishNotification "IOServiceFirstPublish"  ///< Registered for the first time.
#define kIOMatchedNotification "IOServiceMatched"            ///< Matched, at every registration.
#define kIOFirstMatchNotification "IOServiceFirstMatch"      ///< Matched for the first time.
#define kIOTerminatedNotification "IOServiceTerminate"       ///< Being terminated.
#define kIOWillTerminateNotification "IOServiceWillTerminate"

// Type of IOServiceAddInterestNotification.
#define kIOGeneralInterest "IOGeneralInterest"

#endif
