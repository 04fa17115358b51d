// SPDX-License-Identifier: Apache-2.0
// What iig knows about one .iig file: plain data, filled by the frontend, read by the emitters. No libclang
// type gets past this header. Immutable once the frontend has returned it; any thread may read it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace opendext::iig {

// A C++ type as written in the .iig, split where a declared name goes: `void (^` NAME `)(int)`.
struct SpelledType {
    std::string before;
    std::string after;
};

// How a parameter of a method that is dispatched gets into a frame.
enum class ParameterKind {
    kValue,      // A scalar, an enum, or a plain struct.
    kPointer,    // Pointer to a scalar or a plain struct: the caller's storage.
    kObject,     // Pointer to an OSObject class.
    kObjectOut,  // Pointer to a pointer to an OSObject class: filled by the method, +1.
    kArray,      // `T name[N]`, also by typedef.
    kString,     // `const char name[N]`.
    kBlock,
};

struct ParameterModel {
    std::string name;   // As in this .iig; made up when there is none.
    std::string field;  // Member of the frame; differs from `name` where that is taken.
    ParameterKind kind = ParameterKind::kValue;
    SpelledType type;           // Arrays decayed to pointers.
    SpelledType field_type;     // The same without a top-level const.
    std::string default_value;  // Text after `=`, or empty.

    // kArray, kString
    SpelledType element_type;  // Without const.
    uint64_t element_count = 0;
    bool has_object_elements = false;
    std::string count_parameter;  // Name of the parameter that says how many are used, or empty.

    // kObject, kObjectOut, kArray of objects
    std::string object_class;
    bool is_class_complete = false;  // The class is defined where the frame is.

    bool is_target = false;
};

enum class MethodKind {
    kPlain,     // LOCALONLY: a C++ method like any other.
    kCall,      // A new method that is dispatched.
    kOverride,  // An override of a dispatched method: implementation only.
    kTyped,     // TYPE: an implementation that an OSAction calls.
    kStatic,    // A static method: a direct call of its implementation.
};

// A dispatched method as the class that introduced it knows it: the prefix of its generated names.
struct MethodReference {
    std::string class_name;
    std::string stem;  // The method's name, with a number behind it from the second overload on.
};

struct MethodModel {
    MethodKind kind = MethodKind::kPlain;
    std::string name;
    std::string stem;
    bool is_virtual = false;
    bool is_pure = false;
    bool is_override = false;
    bool is_final = false;

    // kPlain: the declaration without annotations, virtual, override, final and `= 0`.
    std::string declaration;
    std::string
        call_declaration;  // `declaration` under the name `<name>_Call`, or empty if it cannot be.
    bool is_in_interface = false;  // A new virtual that goes to `<Class>Interface`.

    // All others.
    SpelledType result;
    bool returns_status = false;   // kern_return_t or IOReturn.
    bool is_one_way = false;       // Returns void.
    bool is_const = false;         // The caller is; the implementation is not, as on the original.
    bool runs_in_process = false;  // LOCAL, here or in a base.
    std::string queue_name;
    std::vector<ParameterModel> parameters;
    uint64_t id = 0;  // kCall, kTyped, kStatic
    MethodReference
        introduced_by;         // Whose id the implementation answers to; itself unless kOverride.
    MethodReference frame_of;  // Whose frame it is called with; another method's if kTyped.
};

struct ClassModel {
    std::string name;
    std::string super_name;
    bool is_kernel = false;
    bool is_native = false;
    bool is_local = false;
    bool is_abstract = false;
    bool has_ivars = true;
    std::vector<std::string>
        members;  // Text of everything in the class that is not a modelled method.
    std::vector<MethodModel> methods;
};

// A stretch of the .iig that goes to the header as it is.
struct VerbatimText {
    std::string text;
};

// The file in the order in which it was written.
struct InterfaceModel {
    std::string file_name;  // `Foo.iig`
    std::string framework;  // Empty for a driver's own file.
    std::vector<std::variant<VerbatimText, ClassModel>> items;
    std::string implementation_text;  // From `@iig implementation` to `@iig end`, in comments.
};

}  // namespace opendext::iig
