// SPDX-License-Identifier: Apache-2.0
#include "base/symbolizer.h"

#include <cxxabi.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

namespace opendext {

namespace {

std::string OutputOf(const std::string &command) {
    std::string output;
    FILE *pipe = popen(command.c_str(), "re");
    if (pipe == nullptr) {
        return output;
    }
    char buffer[512];
    while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) {
        output += buffer;
    }
    pclose(pipe);
    return output;
}

// "FILE:LINE:COLUMN" as the symbolizer writes it, "??" and 0 for what it does not know.
std::string SourceOf(const std::string &text) {
    const size_t column = text.rfind(':');
    if (text.starts_with("?") || column == std::string::npos) {
        return {};
    }
    const std::string source = text.substr(0, column);
    return source.ends_with(":0") ? source.substr(0, source.size() - 2) : source;
}

}  // namespace

std::string Demangled(const std::string &name) {
    // Without the prefix of functions it would be taken for the name of a type.
    if (!name.starts_with("_Z")) {
        return name;
    }
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
    return text ? std::string(text.get()) : name;
}

// Another process may have written the image names: they reach the program as its input, not as words of a shell.
std::vector<std::vector<CodePlace>> FindPlaces(std::span<const CodeAddress> addresses) {
    std::vector<std::vector<CodePlace>> places(addresses.size());
    if (addresses.empty()) {
        return places;
    }
    std::string command =
        "llvm-symbolizer-19 --inlines --functions=linkage --basenames 2>/dev/null <<'END OF "
        "FRAMES'\n";
    for (const CodeAddress &address : addresses) {
        command += fmt::format("\"{}\" {}\n", address.image, address.offset);
    }
    std::istringstream output(OutputOf(command + "END OF FRAMES\n"));
    for (std::vector<CodePlace> &of_address : places) {
        std::string function;
        std::string source;
        while (std::getline(output, function) && !function.empty() &&
               std::getline(output, source)) {
            of_address.push_back({.function = function.starts_with("??") ? "" : function,
                                  .source = SourceOf(source)});
        }
    }
    return places;
}

bool IsPlumbing(const std::string &function) {
    constexpr std::array<std::string_view, 5> kSigns = {"::__invoke(", "std::__invoke",
                                                        "std::_Function_handler", "::_S_invoke<",
                                                        "std::move_only_function"};
    return std::ranges::any_of(
        kSigns, [&](std::string_view sign) { return function.find(sign) != std::string::npos; });
}

}  // namespace opendext
