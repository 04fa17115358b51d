// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/format.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <variant>

#include "iokit/corefoundation/string.h"
#include "iokit/corefoundation/text_encoding.h"

namespace opendext::cf {
namespace {

using Argument =
    std::variant<std::monostate, int, long, long long, double, long double, const void *>;

// A va_list is an array on some machines, which decays as a parameter; a member does not.
struct ArgumentList {
    va_list list;

    Argument Next(ArgumentType type) {
        switch (type) {
            case ArgumentType::kUnused:
            case ArgumentType::kInt:
                return va_arg(list, int);
            case ArgumentType::kLong:
                return va_arg(list, long);
            case ArgumentType::kLongLong:
                return va_arg(list, long long);
            case ArgumentType::kDouble:
                return va_arg(list, double);
            case ArgumentType::kLongDouble:
                return va_arg(list, long double);
            default:
                return va_arg(list, const void *);
        }
    }
};

template <typename T>
std::string Print(const std::string &specification, T value) {
    std::array<char, 128> small;
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    const int size = std::snprintf(small.data(), small.size(), specification.c_str(), value);
    if (size < 0) {
        return {};
    }
    if (static_cast<std::size_t>(size) < small.size()) {
        return small.data();
    }
    std::string text(static_cast<std::size_t>(size) + 1, '\0');
    std::snprintf(text.data(), text.size(), specification.c_str(), value);
#pragma clang diagnostic pop
    text.pop_back();
    return text;
}

// The text of one %@, %s, %S, %c or %C argument, before precision and width.
std::u16string TextOf(const FormatPiece &piece, const Argument &argument) {
    if (piece.conversion == 'c') {
        return {static_cast<char16_t>(static_cast<unsigned char>(std::get<int>(argument)))};
    }
    if (piece.conversion == 'C') {
        return {static_cast<char16_t>(std::get<int>(argument))};
    }
    const void *const pointer = std::get<const void *>(argument);
    if (pointer == nullptr) {
        return u"(null)";
    }
    if (piece.conversion == '@') {
        const bool is_string = CFGetTypeID(pointer) == CFStringGetTypeID();
        return is_string ? ToUnits(static_cast<CFStringRef>(pointer))
                         : UnitsFromCText(Describe(pointer));
    }
    const auto precision = static_cast<std::size_t>(piece.precision);
    if (piece.conversion == 's') {
        const auto *const text = static_cast<const char *>(pointer);
        const std::size_t length =
            piece.precision == FormatPiece::kNone ? std::strlen(text) : strnlen(text, precision);
        return UnitsFromCText({text, length});
    }
    const auto *const units = static_cast<const char16_t *>(pointer);
    std::size_t length = 0;
    while ((piece.precision == FormatPiece::kNone || length < precision) && units[length] != 0) {
        ++length;
    }
    return {units, length};
}

std::u16string FormatNumber(const FormatPiece &piece, const Argument &argument) {
    std::string specification = "%" + piece.flags;
    if (piece.left_aligned && piece.flags.find('-') == std::string::npos) {
        specification += '-';
    }
    if (piece.width != FormatPiece::kNone) {
        specification += std::to_string(piece.width);
    }
    if (piece.precision != FormatPiece::kNone) {
        specification += "." + std::to_string(piece.precision);
    }
    specification += piece.length == "q" ? "ll" : piece.length;
    specification += piece.conversion;
    const std::string text = std::visit(
        [&](auto value) {
            if constexpr (std::is_same_v<decltype(value), std::monostate>) {
                return std::string();
            } else {
                return Print(specification, value);
            }
        },
        argument);
    return UnitsFromCText(text);
}

std::u16string Padded(std::u16string text, const FormatPiece &piece) {
    const auto width = static_cast<std::size_t>(std::max(piece.width, 0));
    if (text.size() < width) {
        text.insert(piece.left_aligned ? text.size() : 0, width - text.size(), u' ');
    }
    return text;
}

// Fills in a width and precision that come from arguments; a negative width aligns to the left.
FormatPiece Resolved(FormatPiece piece, const std::vector<Argument> &arguments) {
    if (piece.width_argument != FormatPiece::kNone) {
        const int width = std::get<int>(arguments[static_cast<std::size_t>(piece.width_argument)]);
        piece.left_aligned = piece.left_aligned || width < 0;
        piece.width = static_cast<int>(std::min<long>(std::abs(long{width}), 1 << 20));
    }
    if (piece.precision_argument != FormatPiece::kNone) {
        const int precision =
            std::get<int>(arguments[static_cast<std::size_t>(piece.precision_argument)]);
        piece.precision = precision < 0 ? FormatPiece::kNone : precision;
    }
    return piece;
}

std::u16string FormatPieceText(const FormatPiece &unresolved,
                               const std::vector<Argument> &arguments) {
    if (unresolved.conversion == '%') {
        return u"%";
    }
    const FormatPiece piece = Resolved(unresolved, arguments);
    const Argument &argument = arguments[static_cast<std::size_t>(piece.value_argument)];
    if (std::string_view("@sScC").contains(piece.conversion)) {
        return Padded(TextOf(piece, argument), piece);
    }
    return FormatNumber(piece, argument);
}

}  // namespace

std::u16string FormatText(std::u16string_view format, va_list arguments) {
    const std::expected<ParsedFormat, std::string> parsed = ParseFormat(format);
    if (!parsed) {
        Misuse("CFStringCreateWithFormat", "{}", parsed.error());
    }
    ArgumentList list;
    va_copy(list.list, arguments);
    std::vector<Argument> values;
    for (const ArgumentType type : parsed->arguments) {
        values.push_back(list.Next(type));
    }
    va_end(list.list);
    std::u16string text;
    for (const FormatPiece &piece : parsed->pieces) {
        text += piece.literal;
        if (piece.has_conversion) {
            text += FormatPieceText(piece, values);
        }
    }
    return text;
}

}  // namespace opendext::cf
