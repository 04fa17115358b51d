// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>

#include "iokit/corefoundation/format.h"
#include "iokit/corefoundation/text_encoding.h"

namespace opendext::cf {
namespace {

constexpr int kMaxArguments = 128;
constexpr int kMaxWidth = 1 << 20;

class FormatParser {
public:
    explicit FormatParser(std::u16string_view format) : format_(format) {}

    std::expected<ParsedFormat, std::string> Parse() {
        while (position_ < format_.size()) {
            FormatPiece piece;
            const std::size_t percent = std::min(format_.find(u'%', position_), format_.size());
            piece.literal = format_.substr(position_, percent - position_);
            position_ = percent;
            if (position_ < format_.size()) {
                ++position_;
                ParseConversion(piece);
            }
            if (!error_.empty()) {
                return std::unexpected(fmt::format("{} in the conversion at character {} of \"{}\"",
                                                   error_, percent, EncodeUtf8(format_)));
            }
            result_.pieces.push_back(std::move(piece));
        }
        return std::move(result_);
    }

private:
    char Peek() const {
        const bool is_ascii = position_ < format_.size() && format_[position_] < 0x80;
        return is_ascii ? static_cast<char>(format_[position_]) : '\0';
    }

    bool Take(char wanted) {
        if (wanted == '\0' || Peek() != wanted) {
            return false;
        }
        ++position_;
        return true;
    }

    std::optional<int> TakeNumber() {
        if (Peek() < '0' || Peek() > '9') {
            return std::nullopt;
        }
        int number = 0;
        while (Peek() >= '0' && Peek() <= '9') {
            number = number * 10 + (Peek() - '0');
            ++position_;
            if (number > kMaxWidth) {
                error_ = fmt::format("number above {}", kMaxWidth);
                return std::nullopt;
            }
        }
        return number;
    }

    // "2$": the index of an argument, if one is named here; else the position stays.
    std::optional<int> TakePosition() {
        const std::size_t start = position_;
        const std::optional<int> number = TakeNumber();
        if (number && Take('$')) {
            if (*number < 1 || *number > kMaxArguments) {
                error_ = fmt::format("argument position {} is not between 1 and {}", *number,
                                     kMaxArguments);
            }
            return *number - 1;
        }
        position_ = start;
        return std::nullopt;
    }

    int UseArgument(std::optional<int> named, ArgumentType type) {
        const int index = named ? *named : next_argument_++;
        if (index < 0 || index >= kMaxArguments) {
            error_ = fmt::format("more than {} arguments", kMaxArguments);
            return FormatPiece::kNone;
        }
        const auto slot = static_cast<std::size_t>(index);
        if (result_.arguments.size() <= slot) {
            result_.arguments.resize(slot + 1, ArgumentType::kUnused);
        }
        ArgumentType &known = result_.arguments[slot];
        if (known != ArgumentType::kUnused && known != type) {
            error_ = fmt::format("argument {} is used as two types", index + 1);
        }
        known = type;
        return index;
    }

    // A number, "*" or "*2$".
    void ParseAmount(int &amount, int &argument) {
        if (Take('*')) {
            argument = UseArgument(TakePosition(), ArgumentType::kInt);
        } else if (const std::optional<int> number = TakeNumber()) {
            amount = *number;
        }
    }

    void ParseLength(FormatPiece &piece) {
        constexpr std::array<std::string_view, 9> kLengths = {"hh", "h", "ll", "l", "q",
                                                              "j",  "z", "t",  "L"};
        for (const std::string_view length : kLengths) {
            const std::u16string_view rest = format_.substr(position_);
            if (rest.starts_with(std::u16string(length.begin(), length.end()))) {
                piece.length = length;
                position_ += length.size();
                return;
            }
        }
    }

    void ParseConversion(FormatPiece &piece) {
        const std::optional<int> named = TakePosition();
        while (Peek() != '\0' && std::string_view("-+ #0'").contains(Peek())) {
            piece.left_aligned = piece.left_aligned || Peek() == '-';
            piece.flags.push_back(Peek());
            ++position_;
        }
        ParseAmount(piece.width, piece.width_argument);
        if (Take('.')) {
            piece.precision = 0;
            ParseAmount(piece.precision, piece.precision_argument);
        }
        ParseLength(piece);
        piece.conversion = Peek();
        piece.has_conversion = true;
        if (Take('%') || !error_.empty()) {
            return;
        }
        const std::optional<ArgumentType> type = TypeOf(piece);
        if (!type) {
            error_ = piece.conversion == '\0'
                         ? "no conversion character"
                         : fmt::format("unknown conversion %{}{}", piece.length, piece.conversion);
            return;
        }
        ++position_;
        piece.value_argument = UseArgument(named, *type);
    }

    static std::optional<ArgumentType> TypeOf(const FormatPiece &piece) {
        switch (piece.conversion) {
            case 'd':
            case 'i':
            case 'u':
            case 'o':
            case 'x':
            case 'X':
                return IntegerType(piece.length);
            case 'c':
            case 'C':
                return ArgumentType::kInt;
            case 'a':
            case 'A':
            case 'e':
            case 'E':
            case 'f':
            case 'F':
            case 'g':
            case 'G':
                return piece.length == "L" ? ArgumentType::kLongDouble : ArgumentType::kDouble;
            case 's':
                return ArgumentType::kCText;
            case 'S':
                return ArgumentType::kUtf16Text;
            case 'p':
                return ArgumentType::kPointer;
            case '@':
                return ArgumentType::kObject;
            default:
                return std::nullopt;
        }
    }

    static std::optional<ArgumentType> IntegerType(std::string_view length) {
        if (length == "L") {
            return std::nullopt;
        }
        if (length == "ll" || length == "q") {
            return ArgumentType::kLongLong;
        }
        const bool is_long = length == "l" || length == "j" || length == "z" || length == "t";
        return is_long ? ArgumentType::kLong : ArgumentType::kInt;
    }

    std::u16string_view format_;
    std::size_t position_ = 0;
    int next_argument_ = 0;
    std::string error_;
    ParsedFormat result_;
};

}  // namespace

std::expected<ParsedFormat, std::string> ParseFormat(std::u16string_view format) {
    return FormatParser(format).Parse();
}

}  // namespace opendext::cf
