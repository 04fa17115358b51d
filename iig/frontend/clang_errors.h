// SPDX-License-Identifier: Apache-2.0
// Which of libclang's errors are the author's: types that only LOCALONLY methods name need not be known.
#pragma once

#include <vector>

#include "iig/frontend/clang_unit.h"
#include "iig/frontend/class_reader.h"
#include "iig/frontend/diagnostic.h"
#include "iig/frontend/source_text.h"

namespace opendext::iig {

// Whether it says that a class's base is not known: then that the class has no base follows.
bool IsAboutABase(const Diagnostic &diagnostic);

// Passes errors on to `diagnostics`, except those that do not matter to iig. False when any was passed on.
bool ReportClangErrors(const std::vector<ClangError> &errors, const SourceText &source,
                       const std::vector<const ClassScope *> &classes, DiagnosticList &diagnostics);

}  // namespace opendext::iig
