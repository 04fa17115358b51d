// SPDX-License-Identifier: Apache-2.0
/// @file symbolizer.h
/// Names and source lines for addresses of code. Any thread; not in a hot path: it runs a program.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace opendext {

/// An address in an image: the file, and the offset from where it is loaded, as "0x1f3".
struct CodeAddress {
    std::string image;
    std::string offset;
};

/// A function at an address: the one whose code it is, or one that the compiler has put into it.
struct CodePlace {
    std::string function;  ///< Empty: not known.
    std::string source;    ///< "FILE:LINE", "FILE" or empty.
};

/// The places of each address, innermost first; none for what is not known. Runs llvm-symbolizer-19 once for all of
/// them, and waits for it: a tenth of a second. Where the program is missing nothing is known.
[[nodiscard]] std::vector<std::vector<CodePlace>> FindPlaces(
    std::span<const CodeAddress> addresses);

/// The name that a mangled name stands for; any other text as it is.
[[nodiscard]] std::string Demangled(const std::string &name);

/// What a call of a function object or of a block goes through; of no use to who looks for a mistake.
[[nodiscard]] bool IsPlumbing(const std::string &function);

}  // namespace opendext
