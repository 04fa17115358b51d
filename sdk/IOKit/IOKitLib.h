// SPDX-License-Identifier: Apache-2.0
/// @file IOKitLib.h
/// The IOKit library: how an application finds services, opens them, calls their drivers and hears from them.
///
/// Ownership: a function that returns an io_object_t gives the caller one reference, to be dropped with
/// IOObjectRelease; one with "Create" or "Copy" in its name returns a CoreFoundation object at +1.
/// Threads: every function may be called from any thread. Callbacks run on the run loop or dispatch queue of
/// their notification port.
/// Errors: kIOReturn codes (IOReturn.h). When the driver's process is gone every call on a connection returns
/// MACH_SEND_INVALID_DEST (0x10000003), and the call that was in flight MIG_SERVER_DIED (-308).
#ifndef OPENDEXT_IOKIT_IOKITLIB_H
#define OPENDEXT_IOKIT_IOKITLIB_H

#include <sys/types.h>

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFData.h>
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFNumber.h>
#include <CoreFoundation/CFRunLoop.h>
#include <CoreFoundation/CFString.h>
#include <IOKit/IOKitKeys.h>
#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>
#include <IOKit/OSMessageNotification.h>
#include <dispatch/dispatch.h>
#include <mach/mach_init.h>

CF_EXTERN_C_BEGIN

/// `mainPort` arguments: 0, and any other value, mean the one registry.
extern const mach_port_t kIOMainPortDefault;
extern const mach_port_t kIOMasterPortDefault;

/// In `*outputStructCnt` of IOConnectCallMethod: the driver decides the size, and `outputStruct` is a
/// `void **` that receives memory to be unmapped with munmap(2) (vm_deallocate on the original).
#define kIOConnectMethodVarOutputSize (-3)

/// Search options of IORegistryEntrySearchCFProperty and IORegistryEntryCreateIterator.
enum {
    kIORegistryIterateRecursively = 0x00000001,
    kIORegistryIterateParents = 0x00000002,
};

/// A channel for callbacks: completions of asynchronous calls, and notifications.
typedef struct IONotificationPort *IONotificationPortRef;

/// A matching notification has arrived: drain `iterator` with IOIteratorNext, or no other comes.
typedef void (*IOServiceMatchingCallback)(void *refcon, io_iterator_t iterator);
/// An interest notification: `messageType` is a kIOMessage value of IOMessage.h.
typedef void (*IOServiceInterestCallback)(void *refcon, io_service_t service, uint32_t messageType,
                                          void *messageArgument);
/// A completion with 0, 1, 2, or more words. The driver's AsyncCompletion decides which is called.
typedef void (*IOAsyncCallback0)(void *refcon, IOReturn result);
typedef void (*IOAsyncCallback1)(void *refcon, IOReturn result, void *arg0);
typedef void (*IOAsyncCallback2)(void *refcon, IOReturn result, void *arg0, void *arg1);
typedef void (*IOAsyncCallback)(void *refcon, IOReturn result, void **args, uint32_t numArgs);

// ---- The main port ----

/// Stores 0, which means the registry. The argument is ignored. Always succeeds.
kern_return_t IOMainPort(mach_port_t bootstrapPort, mach_port_t *mainPort);
/// The older name of IOMainPort.
kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t *mainPort);

// ---- Notification ports ----

/// A new port, or NULL when memory is short. End it with IONotificationPortDestroy.
IONotificationPortRef IONotificationPortCreate(mach_port_t mainPort);
/// Ends the port: no callback runs afterwards. Call it where the callbacks run.
void IONotificationPortDestroy(IONotificationPortRef notify);
/// The run loop source that delivers the port's callbacks: the same one every time, +0.
CFRunLoopSourceRef IONotificationPortGetRunLoopSource(IONotificationPortRef notify);
/// The number that asynchronous calls take as `wake_port`. Never 0.
mach_port_t IONotificationPortGetMachPort(IONotificationPortRef notify);
/// Delivers the port's callbacks on `queue` from now on; NULL: not on a queue.
void IONotificationPortSetDispatchQueue(IONotificationPortRef notify, dispatch_queue_t queue);

// ---- Objects ----

/// Drops a reference. kIOReturnBadArgument: no such object.
kern_return_t IOObjectRelease(io_object_t object);
/// Adds a reference.
kern_return_t IOObjectRetain(io_object_t object);
/// The kernel class of the object: "IOUserService", "IOPCIDevice", "IOUserIterator"...
kern_return_t IOObjectGetClass(io_object_t object, io_name_t className);
/// As IOObjectGetClass, +1; NULL for no object.
CFStringRef IOObjectCopyClass(io_object_t object) CF_RETURNS_RETAINED;
/// Whether the object is of kernel class `className` or one derived from it.
boolean_t IOObjectConformsTo(io_object_t object, const io_name_t className);
/// Whether both name the same object of the registry.
boolean_t IOObjectIsEqualTo(io_object_t object, io_object_t anObject);
/// References that this process holds.
uint32_t IOObjectGetUserRetainCount(io_object_t object);
/// The same as IOObjectGetUserRetainCount: nobody else's references are visible.
uint32_t IOObjectGetRetainCount(io_object_t object);

// ---- Iterators ----

/// The next object, +1, or 0 at the end. Reaching the end arms a matching notification's iterator.
io_object_t IOIteratorNext(io_iterator_t iterator);
/// Starts again from the first object. A notification's iterator cannot: nothing happens.
void IOIteratorReset(io_iterator_t iterator);
/// Whether the objects are still those that there were at its creation; 0 for what is no iterator.
boolean_t IOIteratorIsValid(io_iterator_t iterator);

// ---- Finding services ----
// Matching dictionaries: the three makers return +1; IOServiceGetMatching... and
// IOServiceAddMatchingNotification consume one reference, also when they fail.

/// Services of kernel class `name`, or derived from it. A dext's own class is no kernel class: use
/// IOServiceNameMatching with its IOUserClass.
CFMutableDictionaryRef IOServiceMatching(const char *name) CF_RETURNS_RETAINED;
/// Services of that registry name: a dext's IOUserClass, unless the driver called SetName.
CFMutableDictionaryRef IOServiceNameMatching(const char *name) CF_RETURNS_RETAINED;
/// Services with that BSD name.
CFMutableDictionaryRef IOBSDNameMatching(mach_port_t mainPort, uint32_t options,
                                         const char *bsdName) CF_RETURNS_RETAINED;
/// The entry of that registry id.
CFMutableDictionaryRef IORegistryEntryIDMatching(uint64_t entryID) CF_RETURNS_RETAINED;

/// One registered service that matches, +1, or 0. Which one of several is not said.
io_service_t IOServiceGetMatchingService(mach_port_t mainPort,
                                         CFDictionaryRef CF_RELEASES_ARGUMENT matching);
/// All registered services that match. Success with `*existing` 0 when there are none.
/// kIOReturnBadArgument: no dictionary.
kern_return_t IOServiceGetMatchingServices(mach_port_t mainPort,
                                           CFDictionaryRef CF_RELEASES_ARGUMENT matching,
                                           io_iterator_t *existing);
/// Whether `service` matches; `matching` is not consumed.
kern_return_t IOServiceMatchPropertyTable(io_service_t service, CFDictionaryRef matching,
                                          boolean_t *matches);
/// Tells of services that match from now on; `notificationType` is one of IOKitKeys.h. `*notification` holds
/// those that match already: drain it once to arm the notification. Releasing it ends the notification.
kern_return_t IOServiceAddMatchingNotification(IONotificationPortRef notifyPort,
                                               const io_name_t notificationType,
                                               CFDictionaryRef CF_RELEASES_ARGUMENT matching,
                                               IOServiceMatchingCallback callback, void *refCon,
                                               io_iterator_t *notification);
/// Tells of messages of `service`; `interestType` is kIOGeneralInterest. Releasing `*notification` ends it.
kern_return_t IOServiceAddInterestNotification(IONotificationPortRef notifyPort,
                                               io_service_t service, const io_name_t interestType,
                                               IOServiceInterestCallback callback, void *refCon,
                                               io_object_t *notification);
/// How many services are being started on `service` and what stands on it.
kern_return_t IOServiceGetBusyState(io_service_t service, uint32_t *busyState);

// ---- Connections ----

/// Opens `service`: its driver's NewUserClient runs with `type`. `owningTask` must be mach_task_self(). The
/// driver's error comes back as it is; kIOReturnNotPermitted: the entitlements do not suffice.
kern_return_t IOServiceOpen(io_service_t service, task_port_t owningTask, uint32_t type,
                            io_connect_t *connect);
/// Closes the connection and drops its reference. The driver's Stop may run after the return.
kern_return_t IOServiceClose(io_connect_t connect);
/// Adds or drops a reference to a connection.
kern_return_t IOConnectAddRef(io_connect_t connect);
/// Drops a reference to a connection; the last one closes it.
kern_return_t IOConnectRelease(io_connect_t connect);
/// kIOReturnUnsupported: connections to dexts do not tell their service.
kern_return_t IOConnectGetService(io_connect_t connect, io_service_t *service);
/// kIOReturnUnsupported on connections to dexts.
kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t type, mach_port_t port,
                                           uintptr_t reference);
/// kIOReturnUnsupported on connections to dexts.
kern_return_t IOConnectAddClient(io_connect_t connect, io_connect_t client);
/// kIOReturnUnsupported on connections to dexts.
kern_return_t IOConnectSetCFProperties(io_connect_t connect, CFTypeRef properties);
/// As IOConnectSetCFProperties.
kern_return_t IOConnectSetCFProperty(io_connect_t connect, CFStringRef propertyName,
                                     CFTypeRef property);

/// Maps the driver's memory of `memoryType` here. `intoTask` must be mach_task_self(). `*atAddress` is input
/// only without kIOMapAnywhere. The same memory mapped twice has the same address. Any failure in the driver
/// is kIOReturnBadArgument.
kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType, task_port_t intoTask,
                                   mach_vm_address_t *atAddress, mach_vm_size_t *ofSize,
                                   IOOptionBits options);
/// As IOConnectMapMemory64: addresses have 64 bits here.
kern_return_t IOConnectMapMemory(io_connect_t connect, uint32_t memoryType, task_port_t intoTask,
                                 mach_vm_address_t *atAddress, mach_vm_size_t *ofSize,
                                 IOOptionBits options);
/// Undoes IOConnectMapMemory64 for `memoryType`; the address is not looked at.
kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType,
                                     task_port_t fromTask, mach_vm_address_t atAddress);
kern_return_t IOConnectUnmapMemory(io_connect_t connect, uint32_t memoryType, task_port_t fromTask,
                                   mach_vm_address_t atAddress);

/// Calls the driver's ExternalMethod with `selector` and waits for its answer. Up to 16 words and a structure
/// of any size each way; structures above 4096 bytes reach the driver as memory descriptors. The counts of
/// the outputs are capacities before and sizes after; they, and the outputs, may be NULL.
kern_return_t IOConnectCallMethod(mach_port_t connection, uint32_t selector, const uint64_t *input,
                                  uint32_t inputCnt, const void *inputStruct, size_t inputStructCnt,
                                  uint64_t *output, uint32_t *outputCnt, void *outputStruct,
                                  size_t *outputStructCnt);
/// As IOConnectCallMethod; the driver may answer again, any number of times, on `wakePort`. `reference` has
/// 3 to 8 words: see OSMessageNotification.h.
kern_return_t IOConnectCallAsyncMethod(mach_port_t connection, uint32_t selector,
                                       mach_port_t wakePort, uint64_t *reference,
                                       uint32_t referenceCnt, const uint64_t *input,
                                       uint32_t inputCnt, const void *inputStruct,
                                       size_t inputStructCnt, uint64_t *output, uint32_t *outputCnt,
                                       void *outputStruct, size_t *outputStructCnt);
/// IOConnectCallMethod without words.
kern_return_t IOConnectCallStructMethod(mach_port_t connection, uint32_t selector,
                                        const void *inputStruct, size_t inputStructCnt,
                                        void *outputStruct, size_t *outputStructCnt);
/// IOConnectCallAsyncMethod without words.
kern_return_t IOConnectCallAsyncStructMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wakePort, uint64_t *reference,
                                             uint32_t referenceCnt, const void *inputStruct,
                                             size_t inputStructCnt, void *outputStruct,
                                             size_t *outputStructCnt);
/// IOConnectCallMethod without structures.
kern_return_t IOConnectCallScalarMethod(mach_port_t connection, uint32_t selector,
                                        const uint64_t *input, uint32_t inputCnt, uint64_t *output,
                                        uint32_t *outputCnt);
/// IOConnectCallAsyncMethod without structures.
kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wakePort, uint64_t *reference,
                                             uint32_t referenceCnt, const uint64_t *input,
                                             uint32_t inputCnt, uint64_t *output,
                                             uint32_t *outputCnt);

/// Gives the driver the other end of an event link (`index` 0; <os/eventlink_private.h>) or a work group (1;
/// <os/workgroup.h>): `p1` is the address of the name by which the driver's IOEventLink or IOWorkGroup was created, `p2`
/// its length, `p3` the port. @return kIOReturnNotFound when the driver has none of that name, kIOReturnExclusiveAccess
/// when it has been given, kIOReturnBadArgument; kIOReturnUnsupported for another index.
kern_return_t IOConnectTrap3(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
                             uintptr_t p3);
/// kIOReturnUnsupported on connections to dexts, as the others with fewer or more words than three.
kern_return_t IOConnectTrap0(io_connect_t connect, uint32_t index);
kern_return_t IOConnectTrap1(io_connect_t connect, uint32_t index, uintptr_t p1);
kern_return_t IOConnectTrap2(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2);
kern_return_t IOConnectTrap4(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
                             uintptr_t p3, uintptr_t p4);
kern_return_t IOConnectTrap5(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
                             uintptr_t p3, uintptr_t p4, uintptr_t p5);
kern_return_t IOConnectTrap6(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
                             uintptr_t p3, uintptr_t p4, uintptr_t p5, uintptr_t p6);

// ---- Registry entries ----

/// The root of the registry, +1.
io_registry_entry_t IORegistryGetRootEntry(mach_port_t mainPort);
/// The entry at `path` ("IOService:/NAME/NAME"), +1, or 0.
io_registry_entry_t IORegistryEntryFromPath(mach_port_t mainPort, const io_string_t path);
/// All entries of a plane, the root's descendants, in depth-first order; options: recursively.
kern_return_t IORegistryCreateIterator(mach_port_t mainPort, const io_name_t plane,
                                       IOOptionBits options, io_iterator_t *iterator);
/// The entry's children or, with kIORegistryIterateParents, its parents; recursively when asked.
kern_return_t IORegistryEntryCreateIterator(io_registry_entry_t entry, const io_name_t plane,
                                            IOOptionBits options, io_iterator_t *iterator);
/// The name of the entry. @return an error when the entry is gone.
kern_return_t IORegistryEntryGetName(io_registry_entry_t entry, io_name_t name);
/// As IORegistryEntryGetName: an entry has one name in all planes.
kern_return_t IORegistryEntryGetNameInPlane(io_registry_entry_t entry, const io_name_t plane,
                                            io_name_t name);
/// kIOReturnNotFound: the entry has no location.
kern_return_t IORegistryEntryGetLocationInPlane(io_registry_entry_t entry, const io_name_t plane,
                                                io_name_t location);
/// "IOService:/NAME/NAME". kIOReturnBadArgument: longer than the array.
kern_return_t IORegistryEntryGetPath(io_registry_entry_t entry, const io_name_t plane,
                                     io_string_t path);
/// As IORegistryEntryGetPath, of any length, +1; NULL on failure.
CFStringRef IORegistryEntryCopyPath(io_registry_entry_t entry,
                                    const io_name_t plane) CF_RETURNS_RETAINED;
/// The id of the entry: unique, never used again.
kern_return_t IORegistryEntryGetRegistryEntryID(io_registry_entry_t entry, uint64_t *entryID);
/// All properties, +1. The driver's own values win over the registry's of the same key.
kern_return_t IORegistryEntryCreateCFProperties(io_registry_entry_t entry,
                                                CFMutableDictionaryRef *properties,
                                                CFAllocatorRef allocator, IOOptionBits options);
/// One property, +1, or NULL. The registry's own value wins over the driver's of the same key.
CFTypeRef IORegistryEntryCreateCFProperty(io_registry_entry_t entry, CFStringRef key,
                                          CFAllocatorRef allocator,
                                          IOOptionBits options) CF_RETURNS_RETAINED;
/// As IORegistryEntryCreateCFProperty, of the entry or, recursively, of its children or parents.
CFTypeRef IORegistryEntrySearchCFProperty(io_registry_entry_t entry, const io_name_t plane,
                                          CFStringRef key, CFAllocatorRef allocator,
                                          IOOptionBits options) CF_RETURNS_RETAINED;
/// A property's bytes: data as it is, strings with their NUL, numbers in 4 or 8 bytes, booleans as "Yes" or
/// "No". `*size` is the buffer's size before and the value's after. kIOReturnNoResources: no such property;
/// kIOReturnIPCError: the buffer is too small.
kern_return_t IORegistryEntryGetProperty(io_registry_entry_t entry, const io_name_t propertyName,
                                         io_struct_inband_t buffer, uint32_t *size);
/// kIOReturnUnsupported: services of dexts take no properties from applications.
kern_return_t IORegistryEntrySetCFProperties(io_registry_entry_t entry, CFTypeRef properties);
/// As IORegistryEntrySetCFProperties.
kern_return_t IORegistryEntrySetCFProperty(io_registry_entry_t entry, CFStringRef propertyName,
                                           CFTypeRef property);
/// The children in `plane`; the iterator is +1.
kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry, const io_name_t plane,
                                              io_iterator_t *iterator);
/// The first child. kIOReturnNoDevice: there is none.
kern_return_t IORegistryEntryGetChildEntry(io_registry_entry_t entry, const io_name_t plane,
                                           io_registry_entry_t *child);
/// The parents in `plane`; the iterator is +1.
kern_return_t IORegistryEntryGetParentIterator(io_registry_entry_t entry, const io_name_t plane,
                                               io_iterator_t *iterator);
/// kIOReturnNoDevice: the root has no parent.
kern_return_t IORegistryEntryGetParentEntry(io_registry_entry_t entry, const io_name_t plane,
                                            io_registry_entry_t *parent);
/// Whether the entry is in the plane: true for kIOServicePlane.
boolean_t IORegistryEntryInPlane(io_registry_entry_t entry, const io_name_t plane);

CF_EXTERN_C_END

#endif
