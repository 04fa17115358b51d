// SPDX-License-Identifier: Apache-2.0
/// @file service_class.h
/// From the name in IOUserClass to an object.
#pragma once

#include <string>

#include "runtime/service/service_context.h"

class IOService;

namespace opendext::service {

/// A new object of the dext's class `class_name`; neither attached nor initialised. +1, or NULL after one log
/// line that says what is wrong with the name and which services the dext has.
[[nodiscard]] IOService *MakeServiceOfClass(const ServiceContext &context,
                                            const std::string &class_name);

}  // namespace opendext::service
