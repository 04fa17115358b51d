// SPDX-License-Identifier: Apache-2.0
/// @file object_census.h
/// How many objects exist, by class: what tests ask to prove that nothing was lost. Counting costs one relaxed
/// atomic addition per object made or freed. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::object {

/// One class and its objects; objects of derived classes are not among them.
struct ClassPopulation {
    std::string class_name;
    int64_t live_objects = 0;
};

/// Objects of exactly that class, over all images that register one of the name. 0 for an unknown class.
[[nodiscard]] int64_t LiveObjects(std::string_view class_name);

/// Objects of all classes. The two OSBooleans are not counted.
[[nodiscard]] int64_t TotalLiveObjects();

/// The classes that have objects, by name.
[[nodiscard]] std::vector<ClassPopulation> TakeCensus();

/// TakeCensus as one line: "OSData 2, OSString 14".
[[nodiscard]] std::string DescribeCensus();

}  // namespace opendext::object
