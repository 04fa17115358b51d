// SPDX-License-Identifier: Apache-2.0
// Questions about the classes of a parsed .iig and of every .iig that it includes: who derives from whom,
// which method introduced a name, what TYPE(...) means. Valid while the ClangUnit lives; one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <clang-c/Index.h>

#include "iig/model/interface_model.h"

namespace opendext::iig {

class ClassIndex {
public:
    explicit ClassIndex(CXCursor root);

    // The definition of a class or struct, or a null cursor.
    [[nodiscard]] CXCursor FindClass(const std::string &name) const;
    // Whether a class of that name is at least announced.
    [[nodiscard]] bool IsDeclared(const std::string &name) const;
    // The base class's definition, or a null cursor.
    [[nodiscard]] CXCursor BaseOf(CXCursor class_cursor) const;
    // OSMetaClassBase itself, or derived from it.
    [[nodiscard]] bool IsObjectClass(CXCursor class_cursor) const;
    [[nodiscard]] bool IsDerivedFromObject(CXCursor class_cursor) const;
    // Classes marked EXTENDS(name).
    [[nodiscard]] std::vector<CXCursor> ExtensionsOf(const std::string &name) const;

    // The method that introduced this one: the end of the chain of overrides.
    [[nodiscard]] CXCursor RootOf(CXCursor method) const;
    // A C++ method like any other: LOCALONLY here or in a base, or defined in the class.
    [[nodiscard]] bool IsPlain(CXCursor method) const;
    // The bases of the class have methods of that name, all of them plain.
    [[nodiscard]] bool IsPlainInBases(CXCursor class_cursor, const std::string &name) const;
    // Annotated `name` here or in a method that this one overrides.
    [[nodiscard]] bool IsAnnotated(CXCursor method, std::string_view name) const;
    // The argument of annotation `name` here, else in the nearest overridden method that has it.
    [[nodiscard]] std::string InheritedArgument(CXCursor method, std::string_view name) const;
    // Class and stem of the method's generated names. `method` introduces its name.
    [[nodiscard]] MethodReference ReferenceTo(CXCursor method) const;

    // The method that `text` (`Class::Method`, or `Method` of class `context` or a base) names.
    [[nodiscard]] CXCursor FindMethod(const std::string &text, CXCursor context) const;

    // Name of the class that the method's generated names begin with.
    [[nodiscard]] std::string OwnerOf(CXCursor method) const;

private:
    void Collect(CXCursor scope);
    [[nodiscard]] CXCursor MethodIn(CXCursor class_cursor, const std::string &name) const;

    std::map<std::string, CXCursor> definitions_;
    std::map<std::string, CXCursor> declarations_;
    std::map<std::string, std::vector<CXCursor>> extensions_;
};

bool IsRecord(CXCursorKind kind);

}  // namespace opendext::iig
