// SPDX-License-Identifier: Apache-2.0
// What golden/good/UnknownTypes.iig includes; not on iig's path.
#pragma once

struct LocalType {
    int value;
};

namespace local {
struct Other {
    int value;
};
template <typename T>
struct List {
    T first;
};
}  // namespace local
