// SPDX-License-Identifier: Apache-2.0
// The frontend's entry: the text of an .iig file in, the model of what it declares out. Any bytes may come
// in; what is wrong with them comes out as diagnostics. One call at a time per thread; no state is kept.
#pragma once

#include <string>
#include <vector>

#include "iig/frontend/diagnostic.h"
#include "iig/model/interface_model.h"

namespace opendext::iig {

struct InterfaceRequest {
    std::string path;       // As in diagnostics; includes with quotes are searched beside it.
    std::string text;       // The file's content.
    std::string framework;  // Name of the framework that it belongs to, or empty.
    std::vector<std::string> arguments;  // Compiler options: -I, -isystem, -D, -std= ...
};

struct InterfaceResult {
    InterfaceModel model;  // Only meaningful without errors.
    DiagnosticList diagnostics;
    std::vector<std::string> files;  // Every file that was read, the .iig first.
};

InterfaceResult ReadInterface(const InterfaceRequest &request);

}  // namespace opendext::iig
