// SPDX-License-Identifier: Apache-2.0
// One emitter per part of what iig writes, each in its own file. An emitter appends text to `out`; it reads the
// model only. Any thread.
#pragma once

#include <string>

#include "iig/model/interface_model.h"

namespace opendext::iig {

// --- Class.h

// The whole header.
std::string EmitHeader(const InterfaceModel &model);
// Announcements, method ids and parameter macros, the metaclass, the interface class and the class.
void EmitClass(const ClassModel &model, std::string &out);
// The frames of the class's own methods, defined; they are members of the class.
void EmitFrames(const ClassModel &model, std::string &out);
// The classes of actions whose method is one of this class's TYPE methods.
void EmitActionClasses(const ClassModel &model, std::string &out);

// --- Class.iig.cpp

// The whole implementation file.
std::string EmitImplementation(const InterfaceModel &model);
// How frames hold on to their arguments, and the description of each method.
void EmitMethodDescriptions(const ClassModel &model, std::string &out);
// The functions that send a call. Those of a framework ask AskApiCall (runtime/object/api_call.h) first.
void EmitCallers(const ClassModel &model, bool is_framework, std::string &out);
// The functions that receive a call.
void EmitDispatch(const ClassModel &model, std::string &out);
// The description of the class and its metaclass.
void EmitMetaClass(const ClassModel &model, std::string &out);
// CreateAction<Method> of each TYPE method.
void EmitActionCreators(const ClassModel &model, std::string &out);

// `OSAction_<Class>_<Method>` for a TYPE method of `model`.
ClassModel ActionClass(const ClassModel &model, const MethodModel &method);

}  // namespace opendext::iig
