// SPDX-License-Identifier: Apache-2.0
/// @file OSMetaClass.h
/// Roots of the object model: OSMetaClassBase, whose objects are counted and know their class, OSMetaClass,
/// which describes a class at run time, and the cast and release macros of DriverKit.
/// Ownership: an object is made with one reference (+1); `retain` adds one, `release` drops one, and the last
/// release calls `free()`. A returned object is +1 unless the name has "get" in it.
#ifndef OPENDEXT_DRIVERKIT_OSMETACLASS_H
#define OPENDEXT_DRIVERKIT_OSMETACLASS_H

#include <DriverKit/IORPC.h>

extern "C++" {

class OSObject;

namespace opendext::object {
struct MetaClassInternals;
}

/// The root class. Any thread may retain, release and cast; what an object's own methods allow is said there.
class OSMetaClassBase {
public:
    virtual ~OSMetaClassBase();

    /// The metaclass of the object's own class. Never NULL.
    virtual const OSMetaClass *getMetaClass() const = 0;

    /// Adds a reference. Atomic.
    virtual void retain() const = 0;

    /// Drops a reference; the last one calls `free()` on this thread. Atomic.
    virtual void release() const = 0;

    /// Identity, unless a class says otherwise (the collections compare contents).
    virtual bool isEqualTo(const OSMetaClassBase *anObject) const;

    /// The name of the object's own class; valid as long as its image.
    const char *GetClassName() const;

    /// The same as getMetaClass.
    const OSMetaClass *GetClass();

    /// Whether the object's methods are the system's: a provider, a memory descriptor, a queue. False for an object of a
    /// class of the driver's own, and for containers.
    bool IsRemote() const;

    /// How many references there are, for diagnostics: another thread may change it at any time.
    uint32_t getRetainCount() const;

    /// Runs the implementation of the method that `rpc` names, on the calling thread. Generated per class.
    /// @return what the implementation returned; kIOReturnUnsupported when no class implements the method.
    virtual kern_return_t Dispatch(const IORPC rpc);

    /// End of the generated dispatch chain.
    static kern_return_t _Dispatch(OSMetaClassBase *self, const IORPC rpc);

    /// Sends a call to the implementation: on the queue that the method's class names, or on the calling
    /// thread for methods of the system. Waits for the result, except for one-way methods, whose frame is
    /// copied and whose status only says whether the call was accepted. Any thread.
    kern_return_t Invoke(const IORPC rpc);

    /// The object when it is of class `metaClass` or derived from it, else NULL. NULL-safe; +0.
    static OSMetaClassBase *safeMetaCast(const OSMetaClassBase *object,
                                         const OSMetaClass *metaClass);

    /// As safeMetaCast, but a non-NULL object of another class ends the process with a line that names both.
    static OSMetaClassBase *requiredMetaCast(const OSMetaClassBase *object,
                                             const OSMetaClass *metaClass);
};

/// A class at run time. One object per class and loaded image; lives as long as the image. Immutable after
/// registration, so any thread may ask.
class OSMetaClass {
public:
    virtual ~OSMetaClass();

    /// Constructs an instance in zero-filled storage of `description().instanceSize` bytes.
    virtual kern_return_t New(OSObject *instance) = 0;

    /// The name of the class; valid as long as the image.
    const char *getClassName() const { return description_->name; }
    /// The base class; NULL for OSObject.
    const OSMetaClass *getSuperClass() const { return super_ ? *super_ : nullptr; }
    /// What iig wrote about the class: name, methods, queues, sizes.
    const OSClassDescription &description() const { return *description_; }
    /// Whether this is `other` or a class derived from it; false for NULL.
    bool isDerivedFrom(const OSMetaClass *other) const;

    /// Allocates zero-filled storage and constructs an instance: one reference, `init()` not called yet.
    /// @return +1, or NULL when memory is short or the class is abstract.
    OSObject *alloc() const;

    /// The description of `methodID` in this class or the nearest base that implements it, or NULL.
    const OSMethodDescription *findMethod(uint64_t methodID) const;

    /// Called by generated code while its image is loaded; `image` identifies that image.
    static void registerClass(const OSClassLoadInformation *information, const void *image);

    /// Undoes registerClass, when the image is unloaded.
    static void unregisterClass(const OSClassLoadInformation *information);

    /// The metaclass of that name: the one registered by the image that holds `imageAddress` when it is
    /// given, else one of the runtime's own. NULL when there is none.
    static const OSMetaClass *find(const char *className, const void *imageAddress = nullptr);

private:
    friend struct opendext::object::MetaClassInternals;

    const OSClassDescription *description_ = nullptr;
    OSMetaClass *const *super_ = nullptr;
    const void *image_ = nullptr;           // start of the image in memory
    mutable int64_t live_objects_ = 0;      // atomic
    mutable void *method_table_ = nullptr;  // atomic; made by the first findMethod
};

/// Registers a class while the image it is in is loaded. One static object per class, emitted by iig.
class OSClassRegistration {
public:
    /// Registers the class that `information` describes, of the image that holds `image`.
    explicit OSClassRegistration(const OSClassLoadInformation *information, const void *image)
        : information_(information) {
        OSMetaClass::registerClass(information, image);
    }
    ~OSClassRegistration() { OSMetaClass::unregisterClass(information_); }
    OSClassRegistration(const OSClassRegistration &) = delete;
    OSClassRegistration &operator=(const OSClassRegistration &) = delete;

private:
    const OSClassLoadInformation *information_;
};

/// Base of the generated `<Class>Interface` classes, which hold a class's LOCALONLY virtuals.
class OSInterface {};

/// Makes an instance of a class, +1, without init; what OSTypeAlloc does.
/// @return kIOReturnNoMemory when memory is short or the class is abstract, kIOReturnBadArgument for NULL.
extern "C" kern_return_t OSObjectAllocate(const OSMetaClass *meta, OSObject **pObject);

/// The metaclass of `type`.
#define OSTypeID(type) (g##type##MetaClass)
/// The same.
#define OSMTypeID(type) OSTypeID(type)
/// The metaclass of an object's own class.
#define OSTypeIDInst(inst) ((inst)->GetClass())

/// `inst` as a `type *`, or NULL when it is NULL or of another class. +0.
#define OSDynamicCast(type, inst) \
    (static_cast<type *>(OSMetaClassBase::safeMetaCast((inst), OSTypeID(type))))

/// `inst` as a `type *`; ends the process when it is non-NULL and of another class. +0.
#define OSRequiredCast(type, inst) \
    (static_cast<type *>(OSMetaClassBase::requiredMetaCast((inst), OSTypeID(type))))

/// A new, zero-filled instance of `type`, +1; call its init next.
#define OSTypeAlloc(type) (static_cast<type *>(OSTypeID(type)->alloc()))

/// The hidden last argument of a generated caller: run the base class's implementation, here and now.
#define SUPERDISPATCH                                                                 \
    (+[](OSMetaClassBase *opendext_self, const IORPC opendext_rpc) -> kern_return_t { \
        return super::_Dispatch(static_cast<super *>(opendext_self), opendext_rpc);   \
    })

/// Releases `inst` when it is not NULL.
#define OSSafeRelease(inst)      \
    do {                         \
        if ((inst) != nullptr) { \
            (inst)->release();   \
        }                        \
    } while (0)

/// Releases `inst` when it is not NULL, and sets it to NULL.
#define OSSafeReleaseNULL(inst)  \
    do {                         \
        if ((inst) != nullptr) { \
            (inst)->release();   \
        }                        \
        (inst) = nullptr;        \
    } while (0)

}  // extern "C++"

#endif
