// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace opendext::bench {

/// Cells in rows of the same length; the first row holds the headings.
struct Grid {
    std::vector<std::vector<std::string>> rows;
    std::vector<bool> is_number;  ///< By column: aligned at its right.
};

/// As lines with columns.
[[nodiscard]] std::string TextOf(const Grid &grid);

/// As a table in Markdown.
[[nodiscard]] std::string MarkdownOf(const Grid &grid);

/// One line of a benchmark's table. What is not there stays empty.
struct TableRow {
    std::string name;
    std::string figure;              ///< With its unit.
    std::string comparison;          ///< "2.1 x the ping-pong".
    std::string target;              ///< "at most 3 x".
    std::optional<bool> is_reached;  ///< Of a row with a target.
};

/// The rows under headings.
[[nodiscard]] Grid GridOf(const std::vector<TableRow> &rows);

/// Prints the rows to stdout under headings, in columns.
void PrintTable(const std::vector<TableRow> &rows);

/// Nanoseconds as text, in a unit that suits.
[[nodiscard]] std::string DurationText(double nanoseconds);

}  // namespace opendext::bench
