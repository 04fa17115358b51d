// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/table.h"

#include <algorithm>

#include <fmt/format.h>

namespace opendext::bench {

std::string TextOf(const Grid &grid) {
    std::vector<size_t> widths(grid.is_number.size());
    for (const auto &row : grid.rows) {
        for (size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string text;
    for (const auto &row : grid.rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            line += grid.is_number[i] ? fmt::format("{:>{}}  ", row[i], widths[i])
                                      : fmt::format("{:<{}}  ", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string MarkdownOf(const Grid &grid) {
    std::string text;
    for (size_t i = 0; i < grid.rows.size(); ++i) {
        text += fmt::format("| {} |\n", fmt::join(grid.rows[i], " | "));
        for (size_t column = 0; i == 0 && column < grid.is_number.size(); ++column) {
            text += grid.is_number[column] ? "| ---: " : "| --- ";
        }
        text += i == 0 ? "|\n" : "";
    }
    return text;
}

Grid GridOf(const std::vector<TableRow> &rows) {
    Grid grid = {.rows = {{"what", "median", "compared", "target", ""}},
                 .is_number = {false, true, false, false, false}};
    for (const TableRow &row : rows) {
        const char *verdict = !row.is_reached ? "" : *row.is_reached ? "met" : "NOT MET";
        grid.rows.push_back({row.name, row.figure, row.comparison, row.target, verdict});
    }
    return grid;
}

void PrintTable(const std::vector<TableRow> &rows) {
    fmt::print("{}", TextOf(GridOf(rows)));
}

std::string DurationText(double nanoseconds) {
    if (nanoseconds < 1e3) {
        return fmt::format("{:.0f} ns", nanoseconds);
    }
    return nanoseconds < 1e6 ? fmt::format("{:.1f} us", nanoseconds / 1e3)
                             : fmt::format("{:.1f} ms", nanoseconds / 1e6);
}

}  // namespace opendext::bench
