// SPDX-License-Identifier: Apache-2.0
/// @file IOReturn.h
/// Result codes of DriverKit and IOKit: system 0x38, one subsystem per family, e.g. 0xe00002c2.
#ifndef OPENDEXT_DRIVERKIT_IORETURN_H
#define OPENDEXT_DRIVERKIT_IORETURN_H

#include <mach/error.h>

/// The same type as kern_return_t.
typedef kern_return_t IOReturn;

#ifndef sys_iokit
#define sys_iokit err_system(0x38)
#endif

#define sub_iokit_common err_sub(0)
#define sub_iokit_usb err_sub(1)
#define sub_iokit_firewire err_sub(2)
#define sub_iokit_block_storage err_sub(4)
#define sub_iokit_graphics err_sub(5)
#define sub_iokit_networking err_sub(6)
#define sub_iokit_bluetooth err_sub(8)
#define sub_iokit_pmu err_sub(9)
#define sub_iokit_acpi err_sub(10)
#define sub_iokit_smbus err_sub(11)
#define sub_iokit_ahci err_sub(12)
#define sub_iokit_powermanagement err_sub(13)
#define sub_iokit_hidsystem err_sub(14)
#define sub_iokit_scsi err_sub(16)
#define sub_iokit_usbaudio err_sub(17)
#define sub_iokit_wirelesscharging err_sub(18)
#define sub_iokit_thunderbolt err_sub(29)
#define sub_iokit_graphics_acceleration err_sub(30)
#define sub_iokit_keystore err_sub(31)
#define sub_iokit_platform err_sub(0x2a)
#define sub_iokit_audio_video err_sub(0x45)
#define sub_iokit_vendor_specific err_sub(-2)
#define sub_iokit_reserved err_sub(-1)

/// A code of the common subsystem, of a family, or of a vendor's own.
#define iokit_common_err(code) (sys_iokit | sub_iokit_common | (code))
#define iokit_family_err(sub, code) (sys_iokit | (sub) | (code))
#define iokit_vendor_specific_err(code) (sys_iokit | sub_iokit_vendor_specific | (code))

#define kIOReturnSuccess KERN_SUCCESS                     ///< Done.
#define kIOReturnError iokit_common_err(0x2bc)            ///< Failed, no nearer reason.
#define kIOReturnNoMemory iokit_common_err(0x2bd)         ///< Memory is short.
#define kIOReturnNoResources iokit_common_err(0x2be)      ///< Another resource is short.
#define kIOReturnIPCError iokit_common_err(0x2bf)         ///< A message was lost or malformed.
#define kIOReturnNoDevice iokit_common_err(0x2c0)         ///< There is no such device.
#define kIOReturnNotPrivileged iokit_common_err(0x2c1)    ///< The caller lacks the privilege.
#define kIOReturnBadArgument iokit_common_err(0x2c2)      ///< An argument is wrong.
#define kIOReturnLockedRead iokit_common_err(0x2c3)       ///< Locked against reads.
#define kIOReturnLockedWrite iokit_common_err(0x2c4)      ///< Locked against writes.
#define kIOReturnExclusiveAccess iokit_common_err(0x2c5)  ///< Somebody else has it open for itself.
#define kIOReturnBadMessageID \
    iokit_common_err(0x2c6)                           ///< Request and reply do not belong together.
#define kIOReturnUnsupported iokit_common_err(0x2c7)  ///< Not implemented for this object.
#define kIOReturnVMError iokit_common_err(0x2c8)      ///< Virtual memory refused.
#define kIOReturnInternalError iokit_common_err(0x2c9)     ///< A fault of the system.
#define kIOReturnIOError iokit_common_err(0x2ca)           ///< The transfer failed.
#define kIOReturnCannotLock iokit_common_err(0x2cc)        ///< A lock was refused.
#define kIOReturnNotOpen iokit_common_err(0x2cd)           ///< Open it first.
#define kIOReturnNotReadable iokit_common_err(0x2ce)       ///< Cannot be read.
#define kIOReturnNotWritable iokit_common_err(0x2cf)       ///< Cannot be written.
#define kIOReturnNotAligned iokit_common_err(0x2d0)        ///< Address or size is not aligned.
#define kIOReturnBadMedia iokit_common_err(0x2d1)          ///< The medium is faulty.
#define kIOReturnStillOpen iokit_common_err(0x2d2)         ///< Close it first.
#define kIOReturnRLDError iokit_common_err(0x2d3)          ///< A loader fault.
#define kIOReturnDMAError iokit_common_err(0x2d4)          ///< A DMA transfer failed.
#define kIOReturnBusy iokit_common_err(0x2d5)              ///< In use; try again later.
#define kIOReturnTimeout iokit_common_err(0x2d6)           ///< The time ran out.
#define kIOReturnOffline iokit_common_err(0x2d7)           ///< Switched off or gone.
#define kIOReturnNotReady iokit_common_err(0x2d8)          ///< Not ready yet.
#define kIOReturnNotAttached iokit_common_err(0x2d9)       ///< Not attached to a provider.
#define kIOReturnNoChannels iokit_common_err(0x2da)        ///< No DMA channel is left.
#define kIOReturnNoSpace iokit_common_err(0x2db)           ///< Does not fit.
#define kIOReturnPortExists iokit_common_err(0x2dd)        ///< The port is there already.
#define kIOReturnCannotWire iokit_common_err(0x2de)        ///< Pages cannot be held in memory.
#define kIOReturnNoInterrupt iokit_common_err(0x2df)       ///< There is no such interrupt.
#define kIOReturnNoFrames iokit_common_err(0x2e0)          ///< No frames were queued.
#define kIOReturnMessageTooLarge iokit_common_err(0x2e1)   ///< The message is too large.
#define kIOReturnNotPermitted iokit_common_err(0x2e2)      ///< Not allowed.
#define kIOReturnNoPower iokit_common_err(0x2e3)           ///< The device has no power.
#define kIOReturnNoMedia iokit_common_err(0x2e4)           ///< No medium is inserted.
#define kIOReturnUnformattedMedia iokit_common_err(0x2e5)  ///< The medium has no format.
#define kIOReturnUnsupportedMode iokit_common_err(0x2e6)   ///< There is no such mode.
#define kIOReturnUnderrun iokit_common_err(0x2e7)          ///< Too little data.
#define kIOReturnOverrun iokit_common_err(0x2e8)           ///< Too much data.
#define kIOReturnDeviceError iokit_common_err(0x2e9)       ///< The device misbehaves.
#define kIOReturnNoCompletion iokit_common_err(0x2ea)      ///< A completion is needed and missing.
#define kIOReturnAborted iokit_common_err(0x2eb)           ///< Cancelled before it was done.
#define kIOReturnNoBandwidth iokit_common_err(0x2ec)       ///< The bus has no bandwidth left.
#define kIOReturnNotResponding iokit_common_err(0x2ed)     ///< The device does not answer.
#define kIOReturnIsoTooOld iokit_common_err(0x2ee)         ///< The isochronous frame has passed.
#define kIOReturnIsoTooNew iokit_common_err(0x2ef)  ///< The isochronous frame is too far off.
#define kIOReturnNotFound iokit_common_err(0x2f0)   ///< There is no such thing.
#define kIOReturnInvalid iokit_common_err(0x1)      ///< Never a valid result.

#endif
