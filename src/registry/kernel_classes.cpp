// SPDX-License-Identifier: Apache-2.0
#include "registry/kernel_classes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace opendext::registry {

namespace {

using ClassAndBase = std::pair<std::string_view, std::string_view>;

constexpr std::array<ClassAndBase, 11> kBases = {{
    {"OSObject", ""},
    {"IORegistryEntry", "OSObject"},
    {"IOService", "IORegistryEntry"},
    {"IOUserClient", "IOService"},
    {"IOUserUserClient", "IOUserClient"},
    {"IOUserService", "IOService"},
    {"IOResources", "IOService"},
    {"IOUserResources", "IOService"},
    {"IOPCIDevice", "IOService"},
    {"IOUSBHostDevice", "IOService"},
    {"IOUSBHostInterface", "IOService"},
}};

std::string_view BaseOf(std::string_view class_name) {
    const auto *found = std::ranges::find(kBases, class_name, &ClassAndBase::first);
    return found == kBases.end() ? std::string_view("IOService") : found->second;
}

}  // namespace

std::vector<std::string> KernelClassAncestry(std::string_view class_name) {
    std::vector<std::string> ancestry;
    for (std::string_view name = class_name; !name.empty(); name = BaseOf(name)) {
        ancestry.emplace_back(name);
    }
    return ancestry;
}

bool KernelClassConforms(std::string_view class_name, std::string_view base) {
    for (std::string_view name = class_name; !name.empty(); name = BaseOf(name)) {
        if (name == base) {
            return true;
        }
    }
    return false;
}

}  // namespace opendext::registry
