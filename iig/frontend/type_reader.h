// SPDX-License-Identifier: Apache-2.0
// Reads the types of dispatched methods, and says which cannot be carried in a frame.
#pragma once

#include <optional>
#include <string>

#include <clang-c/Index.h>

#include "iig/frontend/class_index.h"
#include "iig/model/interface_model.h"

namespace opendext::iig {

// `type` as written, split where a declared name goes.
SpelledType SpellType(CXType type);

class TypeReader {
public:
    explicit TypeReader(const ClassIndex &classes) : classes_(&classes) {}

    // Fills the type part of `parameter`. The reason and the fix, when the type cannot be sent.
    [[nodiscard]] std::optional<std::string> ReadParameter(CXCursor cursor,
                                                           ParameterModel &parameter) const;

    // Fills the result of `method`, likewise.
    [[nodiscard]] std::optional<std::string> ReadResult(CXType type, MethodModel &method) const;

private:
    [[nodiscard]] std::optional<std::string> ReadPointer(CXType type,
                                                         ParameterModel &parameter) const;
    [[nodiscard]] std::optional<std::string> ReadArray(CXType type,
                                                       ParameterModel &parameter) const;
    [[nodiscard]] std::optional<std::string> CheckPlain(CXType type, int depth = 0) const;
    [[nodiscard]] bool IsObject(CXType type) const;
    [[nodiscard]] bool IsComplete(CXType type) const;

    const ClassIndex *classes_;
};

}  // namespace opendext::iig
