// SPDX-License-Identifier: Apache-2.0
#include "registry/crash_symbols.h"

#include <cxxabi.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"

namespace opendext::registry {

namespace {

struct Frame {
    std::string image;
    std::string offset;
    std::string function;
};

std::optional<Frame> ParseFrame(const std::string &line) {
    if (line.starts_with('|')) {
        return std::nullopt;  // of a panic log: the driver's own words
    }
    const size_t plus = line.rfind("+0x");
    const size_t space = plus == std::string::npos ? plus : line.find(' ', plus);
    if (space == std::string::npos) {
        return std::nullopt;
    }
    return Frame{.image = line.substr(0, plus),
                 .offset = line.substr(plus + 1, space - plus - 1),
                 .function = line.substr(space + 1)};
}

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

/// A function at one address: the one whose code it is, or one that the compiler has put into it.
struct Place {
    std::string function;  // Empty: not known.
    std::string source;    // "FILE:LINE", "FILE" or empty.
};

// "FILE:LINE:COLUMN" as the symbolizer writes it, "??" and 0 for what it does not know.
std::string SourceOf(const std::string &text) {
    const size_t column = text.rfind(':');
    if (text.starts_with("?") || column == std::string::npos) {
        return {};
    }
    const std::string source = text.substr(0, column);
    return source.ends_with(":0") ? source.substr(0, source.size() - 2) : source;
}

// The places of each frame, innermost first; none for what is not known. One run of the symbolizer for all of
// them. The driver process wrote the image names: they reach the program as its input, not as words of a shell.
std::vector<std::vector<Place>> PlacesOf(const std::vector<Frame> &frames) {
    std::string command =
        "llvm-symbolizer-19 --inlines --functions=linkage --basenames 2>/dev/null <<'END OF "
        "FRAMES'\n";
    for (const Frame &frame : frames) {
        command += fmt::format("\"{}\" {}\n", frame.image, frame.offset);
    }
    std::istringstream output(OutputOf(command + "END OF FRAMES\n"));
    std::vector<std::vector<Place>> places(frames.size());
    for (std::vector<Place> &of_frame : places) {
        std::string function;
        std::string source;
        while (std::getline(output, function) && !function.empty() &&
               std::getline(output, source)) {
            of_frame.push_back({.function = function.starts_with("??") ? "" : function,
                                .source = SourceOf(source)});
        }
    }
    return places;
}

// What a call of a function object or of a block goes through; of no use to who looks for a mistake.
bool IsPlumbing(const std::string &function) {
    constexpr std::array<std::string_view, 5> kSigns = {"::__invoke(", "std::__invoke",
                                                        "std::_Function_handler", "::_S_invoke<",
                                                        "std::move_only_function"};
    return std::ranges::any_of(
        kSigns, [&](std::string_view sign) { return function.find(sign) != std::string::npos; });
}

std::string LinesOf(const Frame &frame, const std::vector<Place> &places) {
    const std::string where = " in " + frame.image;
    std::string lines;
    for (const Place &place : places) {
        if (IsPlumbing(place.function)) {
            continue;
        }
        lines += (place.function.empty() ? Demangled(frame.function) : place.function) +
                 (place.source.empty() ? where : " at " + place.source) + "\n";
    }
    return places.empty() ? Demangled(frame.function) + where + "\n" : lines;
}

// A recursion that has used the stack up says the same over and over.
std::string WithoutRepetition(const std::string &text) {
    constexpr size_t kWorthSaying = 3;
    std::istringstream input(text);
    std::string result;
    std::string previous;
    size_t num_more = 0;
    const auto end_run = [&] {
        for (; num_more > 0 && num_more < kWorthSaying; --num_more) {
            result += previous + "\n";
        }
        if (num_more > 0) {
            result += fmt::format("(the same {} times more)\n", std::exchange(num_more, 0));
        }
    };
    for (std::string line; std::getline(input, line);) {
        if (line == previous) {
            ++num_more;
            continue;
        }
        end_run();
        result += line + "\n";
        previous = std::move(line);
    }
    end_run();
    return result;
}

}  // namespace

std::string SymbolizeCrashReport(const std::string &report) {
    std::vector<std::string> lines;
    std::vector<Frame> frames;
    std::istringstream input(report);
    for (std::string line; std::getline(input, line);) {
        if (auto frame = ParseFrame(line)) {
            frames.push_back(*std::move(frame));
        }
        lines.push_back(std::move(line));
    }
    if (frames.empty()) {
        return report;
    }
    const std::vector<std::vector<Place>> places = PlacesOf(frames);
    std::string symbolized;
    size_t next = 0;
    for (const std::string &line : lines) {
        if (!ParseFrame(line)) {
            symbolized += line + "\n";
            continue;
        }
        symbolized += LinesOf(frames[next], places[next]);
        ++next;
    }
    return WithoutRepetition(symbolized);
}

void LogBacktrace(std::string_view backtrace) {
    while (!backtrace.empty()) {
        const std::string_view line = backtrace.substr(0, backtrace.find('\n'));
        LogError("  {}", line);
        backtrace.remove_prefix(std::min(line.size() + 1, backtrace.size()));
    }
}

}  // namespace opendext::registry
