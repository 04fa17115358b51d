// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/object_census.h"

#include <map>

#include <fmt/format.h>

#include "runtime/object/class_registry.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {

int64_t LiveObjects(std::string_view class_name) {
    int64_t total = 0;
    ClassRegistry::Instance().ForEach([&](const OSMetaClass &meta_class) {
        if (class_name == meta_class.getClassName()) {
            total += MetaClassInternals::LiveObjects(&meta_class);
        }
    });
    return total;
}

int64_t TotalLiveObjects() {
    int64_t total = 0;
    ClassRegistry::Instance().ForEach([&](const OSMetaClass &meta_class) {
        total += MetaClassInternals::LiveObjects(&meta_class);
    });
    return total;
}

std::vector<ClassPopulation> TakeCensus() {
    std::map<std::string, int64_t> by_name;
    ClassRegistry::Instance().ForEach([&](const OSMetaClass &meta_class) {
        if (const int64_t live = MetaClassInternals::LiveObjects(&meta_class); live != 0) {
            by_name[meta_class.getClassName()] += live;
        }
    });
    std::vector<ClassPopulation> census;
    census.reserve(by_name.size());
    for (const auto &[name, live] : by_name) {
        census.push_back({.class_name = name, .live_objects = live});
    }
    return census;
}

std::string DescribeCensus() {
    std::string text;
    for (const ClassPopulation &population : TakeCensus()) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", population.class_name,
                            population.live_objects);
    }
    return text;
}

}  // namespace opendext::object
