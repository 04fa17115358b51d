// SPDX-License-Identifier: Apache-2.0
/// @file IORPC.h
/// The message that carries one DriverKit method call, and the descriptions of classes and methods that
/// `iig` emits. A dext, its families and the runtime share one process, so a message is a typed frame in
/// memory: on the caller's stack for a call that returns a value, on the heap for a one-way call. Frames
/// never cross a process boundary. Drivers only ever name `IORPC` and `OSDispatchMethod`.
#ifndef OPENDEXT_DRIVERKIT_IORPC_H
#define OPENDEXT_DRIVERKIT_IORPC_H

#include <stddef.h>
#include <stdint.h>

#include <DriverKit/IOReturn.h>

extern "C++" {

class OSMetaClass;
class OSMetaClassBase;
struct IORPCMethod;

/// Method ids of classes that the system implements (iig's KERNEL) have this bit set.
inline constexpr uint64_t kIORPCMessageIDKernel = 1ULL << 63;

enum : uint32_t {
    kIORPCMethodOneWay = 0x1,  ///< The method returns void: the caller does not wait.
};

/// Header of every frame; `<Class>_<Method>_Frame` derives from it and adds the arguments in order and,
/// for a method that returns a value, `result`.
struct IORPCFrame {
    const IORPCMethod *method;
};

/// What a call of one method needs to know of its frame. Emitted once per method by iig, never changed.
struct IORPCMethod {
    uint64_t id;            ///< Stable hash of class and method: `<Class>_<Method>_ID`.
    const char *className;  ///< The class that declares the method.
    const char *name;
    uint32_t flags;      ///< kIORPCMethodOneWay or 0.
    uint32_t frameSize;  ///< Bytes of the frame, header included; a one-way frame is copied by size.
    /// One-way methods: retain every object, and copy every block, that the copied frame names. Else NULL.
    void (*retainArguments)(IORPCFrame *frame);
    /// Undoes retainArguments.
    void (*releaseArguments)(IORPCFrame *frame);
};

/// One call on its way to an implementation. `methodID` equals `frame->method->id`, unless the call went
/// through an OSAction: then it is the id of the target's own method, and the frame is still that of the
/// method it was invoked as. Passed by value; valid during the call.
struct IORPC {
    IORPCFrame *frame;
    uint64_t methodID;
};

/// A class's dispatch function; the type of the hidden last argument of generated callers (SUPERDISPATCH).
typedef kern_return_t (*OSDispatchMethod)(OSMetaClassBase *self, const IORPC rpc);

enum : uint32_t {
    /// The implementation runs on the calling thread, not on a queue: system-implemented methods.
    kOSMethodRunsOnCaller = 0x1,
};

/// One method that a class implements (it has `<Method>_Impl`), its own or an override.
struct OSMethodDescription {
    uint64_t id;
    const char *name;
    const char *queueName;  ///< QUEUENAME of the declaration, or NULL for the default queue.
    uint32_t flags;
};

enum : uint32_t {
    kOSClassKernel = 0x1,    ///< iig's KERNEL: an object of the system.
    kOSClassLocal = 0x2,     ///< iig's LOCAL: exists only in the process.
    kOSClassAbstract = 0x4,  ///< Cannot be instantiated.
};

/// What iig says about a class. Static storage, never changed.
struct OSClassDescription {
    const char *name;
    const char *superName;  ///< NULL for OSMetaClassBase.
    uint32_t flags;
    uint32_t instanceSize;  ///< Bytes of an instance; storage is zero-filled before construction.
    const OSMethodDescription *methods;  ///< Implemented here; NULL when there are none.
    uint32_t methodCount;
};

/// Ties a description to its metaclass: `<Class>_Class`. `registerClass` in OSMetaClass takes these when
/// the image that holds them is loaded.
struct OSClassLoadInformation {
    const OSClassDescription *description;
    OSMetaClass **metaClass;       ///< Address of `g<Class>MetaClass`, filled at registration.
    OSMetaClass **superMetaClass;  ///< Address of the base's, or NULL.
    OSMetaClass *instance;         ///< The one object of class `<Class>MetaClass`.
};

}  // extern "C++"

#endif
