// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

// The formats of CFStringCreateWithFormat: printf's conversions, %@, and positions such as %2$d.
namespace opendext::cf {

// What an argument is in the variable argument list.
enum class ArgumentType {
    kUnused,
    kInt,
    kLong,
    kLongLong,
    kDouble,
    kLongDouble,
    kPointer,
    kObject,
    kCText,
    kUtf16Text,
};

// One piece of a format: literal text, or one conversion.
struct FormatPiece {
    static constexpr int kNone = -1;

    std::u16string literal;  // Text that comes before the conversion.
    bool has_conversion = false;
    bool left_aligned = false;  // A minus flag.
    std::string flags;          // Of "-+ #0".
    int width = kNone;          // Characters, or kNone.
    int precision = kNone;
    int width_argument = kNone;      // Index of the argument that gives the width ("*"), or kNone.
    int precision_argument = kNone;  // Likewise.
    int value_argument = kNone;
    std::string length;   // "", hh, h, l, ll, q, j, z, t or L.
    char conversion = 0;  // d i u o x X c C s S p a A e E f F g G @ or % (a literal percent sign).
};

struct ParsedFormat {
    std::vector<FormatPiece> pieces;
    std::vector<ArgumentType> arguments;  // In the order of the argument list.
};

// Reads a format; the error says what is wrong and where. Pure.
[[nodiscard]] std::expected<ParsedFormat, std::string> ParseFormat(std::u16string_view format);

// The formatted text. A format that does not parse ends the process with the parser's message. The arguments
// must have the types that the format names, as for printf.
[[nodiscard]] std::u16string FormatText(std::u16string_view format, va_list arguments);

}  // namespace opendext::cf
