// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opendext::registry {

/// `class_name` and its bases, nearest first: what the is-a test of IOProviderClass and IOObjectConformsTo
/// sees (semantics.md 3.2). A class that is not known is taken for a direct subclass of IOService.
std::vector<std::string> KernelClassAncestry(std::string_view class_name);

/// Whether an entry of kernel class `class_name` is a `base`.
bool KernelClassConforms(std::string_view class_name, std::string_view base);

}  // namespace opendext::registry
