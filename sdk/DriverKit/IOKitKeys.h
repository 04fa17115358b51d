// SPDX-License-Identifier: Apache-2.0
/// @file IOKitKeys.h
/// Names of planes, properties, notifications and entitlements.
#ifndef OPENDEXT_DRIVERKIT_IOKITKEYS_H
#define OPENDEXT_DRIVERKIT_IOKITKEYS_H

// Of the registry's root.
#define kIOKitBuildVersionKey "IOKitBuildVersion"
#define kIOKitDiagnosticsKey "IOKitDiagnostics"
#define kIORegistryPlanesKey "IORegistryPlanes"
#define kIOCatalogueKey "IOCatalogue"

// Planes.
#define kIOServicePlane "IOService"
#define kIOPowerPlane "IOPower"
#define kIODeviceTreePlane "IODeviceTree"
#define kIOAudioPlane "IOAudio"
#define kIOFireWirePlane "IOFireWire"
#define kIOUSBPlane "IOUSB"

#define kIORegistryEntryIDKey "IORegistryEntryID"
#define kIORegistryEntryPropertyKeysKey "IORegistryEntryPropertyKeys"

// Classes.
#define kIOServiceClass "IOService"
#define kIOResourcesClass "IOResources"
#define kIOClassKey "IOClass"
#define kIOUserClassKey "IOUserClass"
#define kIOUserClassesKey "IOUserClasses"
#define kIOUserClientClassKey "IOUserClientClass"
#define kIOProbeScoreKey "IOProbeScore"
#define kIOKitDebugKey "IOKitDebug"
#define kIOSupportedPropertiesKey "IOSupportedProperties"
#define kIOUserServicePropertiesKey "IOUserServiceProperties"

// Matching.
#define kIOProviderClassKey "IOProviderClass"
#define kIONameMatchKey "IONameMatch"
#define kIONameMatchedKey "IONameMatched"
#define kIOPropertyMatchKey "IOPropertyMatch"
#define kIOPropertyExistsMatchKey "IOPropertyExistsMatch"
#define kIOPathMatchKey "IOPathMatch"
#define kIOLocationMatchKey "IOLocationMatch"
#define kIOParentMatchKey "IOParentMatch"
#define kIOResourceMatchKey "IOResourceMatch"
#define kIOResourceMatchedKey "IOResourceMatched"
#define kIOMatchedServiceCountKey "IOMatchedServiceCountMatch"
#define kIOMatchCategoryKey "IOMatchCategory"
#define kIODefaultMatchCategoryKey "IODefaultMatchCategory"
#define kIOMatchedPersonalityKey "IOMatchedPersonality"
#define kIORematchPersonalityKey "IORematchPersonality"
#define kIORematchCountKey "IORematchCount"
#define kIODEXTMatchCountKey "IODEXTMatchCount"
#define kIOMatchDeferKey "IOMatchDefer"

// Driver processes.
#define kIOUserServerClassKey "IOUserServer"
#define kIOUserServerNameKey "IOUserServerName"
#define kIOUserServerTagKey "IOUserServerTag"
#define kIOUserServerOneProcessKey "IOUserServerOneProcess"
#define kIOUserClientCreatorKey "IOUserClientCreator"
#define kIOUserClientDefaultLockingKey "IOUserClientDefaultLocking"

// Entitlements.
#define kIOUserClientEntitlementsKey "IOUserClientEntitlements"
#define kIOServiceDEXTEntitlementsKey "IOServiceDEXTEntitlements"
#define kIODriverKitEntitlementKey "com.apple.developer.driverkit"
#define kIODriverKitUserClientEntitlementsKey "com.apple.developer.driverkit.userclient-access"
#define kIODriverKitUserClientEntitlementAllowAnyKey \
    "com.apple.developer.driverkit.allow-any-userclient-access"
#define kIODriverKitUserClientEntitlementAdministratorKey \
    "com.apple.developer.driverkit.administrator"
#define kIODriverKitUserClientEntitlementCommunicatesWithDriversKey \
    "com.apple.developer.driverkit.communicates-with-drivers"
#define kIODriverKitUserClientEntitlementAllowThirdPartyUserClientsKey \
    "com.apple.developer.driverkit.allow-third-party-userclients"
#define kIODriverKitUSBTransportEntitlementKey "com.apple.developer.driverkit.transport.usb"
#define kIODriverKitHIDTransportEntitlementKey "com.apple.developer.driverkit.transport.hid"
#define kIODriverKitHIDFamilyDeviceEntitlementKey "com.apple.developer.driverkit.family.hid.device"
#define kIODriverKitHIDFamilyEventServiceEntitlementKey \
    "com.apple.developer.driverkit.family.hid.eventservice"
#define kIODriverKitTransportBuiltinEntitlementKey "com.apple.developer.driverkit.builtin"

// Items of the system's states (IOService::CopySystemStateNotificationService), and what is in them.
#define kIOStateNotificationItemCreateKey "com.apple.iokit.statenotification.create"
#define kIOStateNotificationItemSetKey "com.apple.iokit.statenotification.set"
#define kIOStateNotificationItemCopyKey "com.apple.iokit.statenotification.copy"
#define kIOStateNotificationNameKey "com.apple.iokit.statenotification.name"
#define kIOStateNotificationEntitlementSetKey "com.apple.iokit.statenotification.entitlement-set"
#define kIOStateNotificationEntitlementGetKey "com.apple.iokit.statenotification.entitlement-get"
#define kIOSystemStateClamshellKey "com.apple.iokit.pm.clamshell"
#define kIOSystemStateSleepDescriptionKey "com.apple.iokit.pm.sleepdescription"
#define kIOSystemStateSleepDescriptionReasonKey "com.apple.iokit.pm.sleepreason"
#define kIOSystemStateSleepDescriptionHibernateStateKey "com.apple.iokit.pm.hibernatestate"
#define kIOSystemStateSleepDescriptionHibernateStateInactive 0
#define kIOSystemStateSleepDescriptionHibernateStateHibernating 1
#define kIOSystemStateSleepDescriptionHibernateStateWakingFromHibernate 2
#define kIOSystemStateWakeDescriptionKey "com.apple.iokit.pm.wakedescription"
#define kIOSystemStateWakeDescriptionWakeReasonKey "com.apple.iokit.pm.wakereason"
#define kIOSystemStateWakeDescriptionContinuousTimeOffsetKey \
    "com.apple.iokit.pm.wakedescription.continuous-time-offset"
#define kIOSystemStateHaltDescriptionKey "com.apple.iokit.pm.haltdescription"
#define kIOSystemStateHaltDescriptionHaltStateKey "com.apple.iokit.pm.haltstate"
#define kIOSystemStatePowerSourceDescriptionKey "com.apple.iokit.pm.powersourcedescription"
#define kIOSystemStatePowerSourceDescriptionACAttachedKey "com.apple.iokit.pm.acattached"

// Notifications.
#define kIOPublishNotification "IOServicePublish"
#define kIOFirstPublishNotification "IOServiceFirstPublish"
#define kIOMatchedNotification "IOServiceMatched"
#define kIOFirstMatchNotification "IOServiceFirstMatch"
#define kIOTerminatedNotification "IOServiceTerminate"
#define kIOWillTerminateNotification "IOServiceWillTerminate"
#define kIOGeneralInterest "IOGeneralInterest"
#define kIOBusyInterest "IOBusyInterest"

#endif
