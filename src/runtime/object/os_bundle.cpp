// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSBundle.h>

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <utility>

#include "runtime/object/member_list.h"

struct OSBundle_IVars {
    std::filesystem::path folder;
};

namespace {

bool IsBundle(const std::filesystem::path &folder) {
    std::error_code error;
    return std::filesystem::is_regular_file(folder / "Info.plist", error);
}

// Neither absolute nor upwards.
bool StaysInside(const std::filesystem::path &name) {
    return !name.empty() && name.is_relative() &&
           std::ranges::find(name, std::filesystem::path("..")) == name.end();
}

}  // namespace

bool OSBundle::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSBundle_IVars;
    return ivars != nullptr;
}

void OSBundle::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

OSBundle *OSBundle::createFromPath(const char *path) {
    if (path == nullptr || !IsBundle(path)) {
        return nullptr;
    }
    auto *made = opendext::object::MakeContainer<OSBundle>();
    if (made != nullptr) {
        made->ivars->folder = path;
    }
    return made;
}

// A process may have several drivers in it: the one that calls is meant.
[[gnu::noinline]] OSBundle *OSBundle::mainBundle() {
    Dl_info caller = {};
    if (dladdr(__builtin_return_address(0), &caller) == 0 || caller.dli_fname == nullptr) {
        return nullptr;
    }
    std::error_code error;
    auto folder = std::filesystem::absolute(caller.dli_fname, error).parent_path();
    // The code is in the bundle's folder, or in one of it.
    while (folder.has_relative_path() && !IsBundle(folder)) {
        folder = folder.parent_path();
    }
    return createFromPath(folder.c_str());
}

kern_return_t OSBundle::loadResource(const char *name, uint64_t options, size_t minGuardSize,
                                     OSMappedFile **outputMap) {
    if (name == nullptr || outputMap == nullptr) {
        return kIOReturnBadArgument;
    }
    *outputMap = nullptr;
    if (!StaysInside(name)) {
        return kIOReturnBadArgument;
    }
    const kern_return_t result = OSMappedFile::createFromPath(
        (ivars->folder / "Resources" / name).c_str(), options, minGuardSize, outputMap);
    return result != kIOReturnNotFound
               ? result
               : OSMappedFile::createFromPath((ivars->folder / name).c_str(), options, minGuardSize,
                                              outputMap);
}
