// SPDX-License-Identifier: Apache-2.0
#include "registry/crash_symbols.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "base/symbolizer.h"

namespace opendext::registry {

namespace {

struct Frame {
    CodeAddress address;
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
    return Frame{.address = {.image = line.substr(0, plus),
                             .offset = line.substr(plus + 1, space - plus - 1)},
                 .function = line.substr(space + 1)};
}

std::string LinesOf(const Frame &frame, const std::vector<CodePlace> &places) {
    const std::string where = " in " + frame.address.image;
    std::string lines;
    for (const CodePlace &place : places) {
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
    std::vector<CodeAddress> addresses;
    std::istringstream input(report);
    for (std::string line; std::getline(input, line);) {
        if (auto frame = ParseFrame(line)) {
            addresses.push_back(frame->address);
            frames.push_back(*std::move(frame));
        }
        lines.push_back(std::move(line));
    }
    if (frames.empty()) {
        return report;
    }
    const std::vector<std::vector<CodePlace>> places = FindPlaces(addresses);
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
