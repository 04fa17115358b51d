// SPDX-License-Identifier: Apache-2.0
/// @file object_internals.h
/// The runtime's own view of objects and metaclasses. Not for drivers.
#pragma once

#include <cstdint>

#include <DriverKit/OSMetaClass.h>
#include <DriverKit/OSObject.h>

namespace opendext::object {

/// What another room hangs onto an object. Owned by the object: deleted by OSObject::free, on the thread of
/// the last release.
class ObjectAttachment {
public:
    ObjectAttachment() = default;
    ObjectAttachment(const ObjectAttachment &) = delete;
    ObjectAttachment &operator=(const ObjectAttachment &) = delete;
    virtual ~ObjectAttachment() = default;
};

/// Access to the members of OSObject. Any thread; each call is atomic.
struct ObjectInternals {
    /// The object's attachment, or NULL. Valid as long as the object.
    static ObjectAttachment *Attachment(const OSObject *object);

    /// Attaches `attachment` if the object has none yet. @return the object's attachment: on a lost race the
    /// other one, and `attachment` still belongs to the caller.
    static ObjectAttachment *Attach(OSObject *object, ObjectAttachment *attachment);

    /// Adds a reference unless the last one is gone already. The storage must still be there.
    [[nodiscard]] static bool TryRetain(const OSObject *object);

    /// Gives up a reference unless it is the last. @return whether it was given up.
    [[nodiscard]] static bool DropUnlessLast(const OSObject *object);

    /// How many references there are; for tests and diagnostics, outdated at once.
    static uint32_t References(const OSObject *object);

    static void StartCounting(OSObject *object);
    static void Retain(const OSObject *object);
    /// @return true when that was the last reference: call free().
    [[nodiscard]] static bool Drop(const OSObject *object);
    /// Ends the object: attachment, destructor, storage.
    static void Destroy(OSObject *object);
};

/// Access to the members of OSMetaClass. Any thread.
struct MetaClassInternals {
    static void Register(const OSClassLoadInformation *information, const void *image_start);
    /// Start of the image that registered the class.
    static const void *Image(const OSMetaClass *meta_class) { return meta_class->image_; }
    static int64_t LiveObjects(const OSMetaClass *meta_class);
    static void CountObject(const OSMetaClass *meta_class, int64_t change);
    static const OSMethodDescription *FindMethod(const OSMetaClass *meta_class, uint64_t method_id);
};

/// The class registered by the image that `meta_class` belongs to, or NULL.
const OSMetaClass *FindClassBeside(const char *class_name, const OSMetaClass *meta_class);

}  // namespace opendext::object
