// SPDX-License-Identifier: Apache-2.0
/// @file class_registry.h
/// The classes of all loaded images. Private to the object room.
#pragma once

#include <mutex>
#include <vector>

#include <DriverKit/OSMetaClass.h>

namespace opendext::object {

/// Every registered class with the image it came from. One per process, never destroyed, because images are
/// unloaded after it would be. Any thread.
class ClassRegistry {
public:
    static ClassRegistry &Instance();

    void Add(const OSClassLoadInformation *information, const void *image_start);
    void Remove(const OSClassLoadInformation *information);

    /// The class of that name in that image, or NULL.
    const OSMetaClass *Find(const char *class_name, const void *image_start);

    /// Whether the image has registered a class.
    bool HasClassesOf(const void *image_start);

    /// Calls `visit(meta_class)` for every class, with the registry locked: it must not call back.
    template <typename Visitor>
    void ForEach(Visitor visit) {
        const std::lock_guard lock(mutex_);
        for (const Entry &entry : entries_) {
            visit(*entry.information->instance);
        }
    }

private:
    struct Entry {
        const OSClassLoadInformation *information;
        const void *image_start;
    };

    std::mutex mutex_;
    std::vector<Entry> entries_;  // guarded by mutex_
};

/// Start of the loaded image that `address` lies in, or NULL.
const void *ImageStart(const void *address);

}  // namespace opendext::object
