// SPDX-License-Identifier: Apache-2.0
// LOCALONLY methods: C++ methods like any other, copied as text.
#pragma once

#include <optional>
#include <set>
#include <string>

#include <clang-c/Index.h>

#include "iig/frontend/member_splitter.h"
#include "iig/model/interface_model.h"

namespace opendext::iig {

// Reads the declaration in `member`. `cursor` is what libclang made of it, or a null cursor; `overrides` says
// whether a base declares the same virtual. `nested_types` are the types that the class declares: a method
// that names one stays out of the interface class. Nothing when the text is not a method's declaration.
std::optional<MethodModel> ReadPlainMethod(const MemberText &member, CXCursor cursor,
                                           bool overrides,
                                           const std::set<std::string> &nested_types);

// The name of the method that `member` declares, or nothing.
std::string MethodName(const MemberText &member);

}  // namespace opendext::iig
