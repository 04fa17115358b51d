// SPDX-License-Identifier: Apache-2.0
// The pieces of text that more than one emitter writes: parameter lists, generated names.
#pragma once

#include <string>

#include "iig/model/interface_model.h"

namespace opendext::iig {

// `type` declaring `name`.
std::string Declare(const SpelledType &type, const std::string &name);

// `kern_return_t`, `OSString *`: without a trailing space.
std::string ResultType(const MethodModel &method);

// `IOService * provider, uint64_t * result`: what <Class>_<Method>_Args stands for.
std::string ParameterList(const MethodModel &method);

// The parameters of the generated caller, with default values if wanted, and `supermethod` unless static.
std::string CallerParameterList(const MethodModel &method, bool with_defaults);

// ` const` behind the parameters of the generated caller, or nothing.
std::string Constness(const MethodModel &method);

// `provider, result`
std::string ArgumentList(const MethodModel &method);

// `Foo_Poke`
std::string Prefix(const MethodReference &reference);

// Whether callers of the method are generated: it is new, and not an action's method.
bool HasCaller(const MethodModel &method);
// Whether the class implements it.
bool HasImplementation(const MethodModel &method);

// `Foo_Class`'s methods: is the frame's receiver the action in a TARGET parameter?
const ParameterModel *TargetOf(const MethodModel &method);

// `object` as an `OSMetaClassBase *`, also where its class is only announced.
std::string AsMetaClassBase(const ParameterModel &parameter, const std::string &object);

}  // namespace opendext::iig
