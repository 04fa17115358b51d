// SPDX-License-Identifier: Apache-2.0
#include "host/dext_bundle.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/property_list.h"
#include "host/fault_report.h"
#include "host/leak_report.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/diagnostics/driver_images.h"
#include "runtime/dispatch/worker_pool.h"
#include "runtime/object/class_registry.h"
#include "runtime/object/freed_objects.h"
#include "runtime/object/live_objects.h"
#include "runtime/object/object_internals.h"

namespace opendext::host {
namespace {

using Path = std::filesystem::path;
using Text = std::expected<PropertyValue, std::string>;

constexpr std::chrono::milliseconds kUnloadPatience{5000};

// Code loaded by dlopen.
struct LoadedBundle final : LoadedDext {
    ~LoadedBundle() override;

    void *handle = nullptr;
};

// Objects of the image's classes, as "Foo 2, Bar 1".
std::string ObjectsLeft(const void *image) {
    const void *start = object::ImageStart(image);
    std::string text;
    object::ClassRegistry::Instance().ForEach([&](const OSMetaClass &meta_class) {
        const int64_t count = object::MetaClassInternals::LiveObjects(&meta_class);
        if (count > 0 && object::MetaClassInternals::Image(&meta_class) == start) {
            text +=
                fmt::format("{}{} {}", text.empty() ? "" : ", ", meta_class.getClassName(), count);
        }
    });
    return text;
}

// As ObjectsLeft, but for those whose free() is under way: a thread that is not the driver's, an application's in embedded
// mode, may be in the code of the last one.
std::string ObjectsLeftForGood(const void *image) {
    const auto deadline = std::chrono::steady_clock::now() + kReleasePatience;
    std::string left = ObjectsLeft(image);
    while (!left.empty() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        left = ObjectsLeft(image);
    }
    return left;
}

/// How often each image is loaded: embedded drivers of one dext share it.
class Loads {
public:
    void Begin(const void *image) {
        const std::scoped_lock lock(mutex_);
        Load &load = loads_[image];
        if (load.count++ == 0) {
            load.first_sequence = object::CurrentSequence();
        }
        diagnostics::AddDriverImage(image);
    }
    /// @return of the last: what object::CurrentSequence was at the first.
    std::optional<uint64_t> End(const void *image) {
        const std::scoped_lock lock(mutex_);
        const Load &load = loads_[image];
        return --loads_[image].count == 0 ? std::optional(load.first_sequence) : std::nullopt;
    }
    /// Unless it has been loaded again meanwhile.
    void Forget(const void *image) {
        const std::scoped_lock lock(mutex_);
        if (loads_[image].count == 0) {
            diagnostics::RemoveDriverImage(image);
        }
    }

private:
    struct Load {
        int count = 0;
        uint64_t first_sequence = 0;
    };
    std::mutex mutex_;
    std::map<const void *, Load> loads_;  // by image; guarded by mutex_
};

Loads &AllLoads() {
    static auto *loads = new Loads;  // for ever: a driver may outlive the destructors
    return *loads;
}

LoadedBundle::~LoadedBundle() {
    if (handle == nullptr) {
        return;
    }
    const std::optional<uint64_t> first_sequence = AllLoads().End(image);
    if (!first_sequence) {
        dlclose(handle);
        return;
    }
    const uint64_t last_sequence = object::CurrentSequence();
    // A cancel handler may still be on its way out after the base class's Stop has run.
    const bool is_idle = dispatch::WorkerPool::Instance().WaitUntilIdle(kUnloadPatience);
    if (is_idle) {
        ReportLeaks(image, *first_sequence, last_sequence);
    }
    object::ForgetFreedObjects();
    diagnostics::ForgetReported();
    if (const std::string left = ObjectsLeftForGood(image); !left.empty()) {
        LogWarning(
            "{}: its code stays loaded, because objects of its classes are left: {}; look for "
            "a retain without its release, or a free() that does not call super::free()",
            identifier, left);
        return;
    }
    if (!is_idle) {
        return;  // whose code runs is not known: this dext's may
    }
    AllLoads().Forget(image);
    dlclose(handle);
}

Text ReadDictionary(const Path &file) {
    auto value = ReadPropertyListFile(file);
    if (!value) {
        return std::unexpected(value.error().ToString(file.string()));
    }
    if (value->IfDictionary() == nullptr) {
        return std::unexpected(fmt::format("{}: error: the root is a {}, it must be a <dict>",
                                           file.string(), PropertyKindName(value->kind())));
    }
    return std::move(*value);
}

// A string of Info.plist.
std::expected<std::string, std::string> RequiredString(const PropertyValue &info, const Path &file,
                                                       const char *key) {
    const PropertyValue *value = info.Find(key);
    if (value == nullptr || value->IfString() == nullptr || value->IfString()->empty()) {
        return std::unexpected(
            fmt::format("{}: error: {} is missing; build the dext with \"opendext build\"",
                        file.string(), key));
    }
    return *value->IfString();
}

// Any address of the image.
const void *AddressIn(void *handle) {
    link_map *map = nullptr;
    return dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void *>(&map)) == 0 ? map->l_ld : nullptr;
}

}  // namespace

std::expected<std::shared_ptr<const LoadedDext>, std::string> LoadDextBundle(const Path &folder) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored)) {
        return std::unexpected(fmt::format(
            "{}: error: no such dext; give the path of a .dext folder", folder.string()));
    }
    const Path info_file = folder / "Info.plist";
    auto info = ReadDictionary(info_file);
    if (!info) {
        return std::unexpected(info.error());
    }
    auto identifier = RequiredString(*info, info_file, "CFBundleIdentifier");
    auto executable = RequiredString(*info, info_file, "CFBundleExecutable");
    if (!identifier || !executable) {
        return std::unexpected(!identifier ? identifier.error() : executable.error());
    }
    if (executable->find('/') != std::string::npos) {
        return std::unexpected(
            fmt::format("{}: error: CFBundleExecutable \"{}\" is a path; give the plain name",
                        info_file.string(), *executable));
    }
    Text entitlements = PropertyValue(PropertyValue::Dictionary{});
    if (const Path file = folder / "entitlements.plist"; std::filesystem::exists(file, ignored)) {
        entitlements = ReadDictionary(file);
    }
    if (!entitlements) {
        return std::unexpected(entitlements.error());
    }
    auto bundle = std::make_shared<LoadedBundle>();
    bundle->identifier = std::move(*identifier);
    bundle->info = std::move(*info);
    bundle->entitlements = std::move(*entitlements);
    const Path code = std::filesystem::absolute(folder / (*executable + ".so"), ignored);
    bundle->handle = dlopen(code.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (bundle->handle == nullptr) {
        return std::unexpected(fmt::format(
            "{}: error: {}; rebuild the dext with \"opendext build\"", code.string(), dlerror()));
    }
    bundle->image = AddressIn(bundle->handle);
    AllLoads().Begin(bundle->image);
    InstallFaultReport();
    return bundle;
}

}  // namespace opendext::host
