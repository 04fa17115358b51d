// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/service_class.h"

#include <fmt/ranges.h>

#include <set>

#include <DriverKit/IOService.h>

#include "base/log.h"
#include "runtime/object/class_registry.h"
#include "runtime/object/object_internals.h"

namespace opendext::service {
namespace {

// The services that a driver author could have meant.
std::string ServicesOf(const void *image) {
    const void *start = object::ImageStart(image);
    std::set<std::string> names;
    object::ClassRegistry::Instance().ForEach([&](const OSMetaClass &meta_class) {
        const bool is_of_driver = (meta_class.description().flags & kOSClassKernel) == 0;
        if (is_of_driver && object::MetaClassInternals::Image(&meta_class) == start &&
            meta_class.isDerivedFrom(gIOServiceMetaClass)) {
            names.insert(meta_class.getClassName());
        }
    });
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

IOService *MakeServiceOfClass(const ServiceContext &context, const std::string &class_name) {
    const OSMetaClass *meta_class = OSMetaClass::find(class_name.c_str(), context.image);
    if (meta_class == nullptr || !meta_class->isDerivedFrom(gIOServiceMetaClass)) {
        LogError(
            "{}: IOUserClass \"{}\" is no service class of the dext; it has: {}. Correct "
            "IOUserClass in "
            "Info.plist, or add the class's .iig to the dext",
            context.dext_name, class_name, ServicesOf(context.image));
        return nullptr;
    }
    OSObject *object = meta_class->alloc();
    if (object == nullptr) {
        LogError(
            "{}: no object of class {} can be made: memory is short, or a method of it is pure "
            "virtual",
            context.dext_name, class_name);
    }
    return OSDynamicCast(IOService, object);
}

}  // namespace opendext::service
