// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/class_registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

namespace opendext::object {

ClassRegistry &ClassRegistry::Instance() {
    static auto *registry = new ClassRegistry;
    return *registry;
}

void ClassRegistry::Add(const OSClassLoadInformation *information, const void *image_start) {
    const std::lock_guard lock(mutex_);
    entries_.push_back({.information = information, .image_start = image_start});
}

void ClassRegistry::Remove(const OSClassLoadInformation *information) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_,
                  [information](const Entry &entry) { return entry.information == information; });
}

const OSMetaClass *ClassRegistry::Find(const char *class_name, const void *image_start) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(entries_, [&](const Entry &entry) {
        return entry.image_start == image_start &&
               std::strcmp(entry.information->description->name, class_name) == 0;
    });
    return found == entries_.end() ? nullptr : found->information->instance;
}

bool ClassRegistry::HasClassesOf(const void *image_start) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(entries_, image_start, &Entry::image_start) != entries_.end();
}

const void *ImageStart(const void *address) {
    Dl_info info{};
    return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

}  // namespace opendext::object
