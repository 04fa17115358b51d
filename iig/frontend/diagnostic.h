// SPDX-License-Identifier: Apache-2.0
// What is wrong with an .iig file, and where. Plain data; printed in clang's form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opendext::iig {

struct SourcePosition {
    std::string file;
    unsigned line = 0;    // From 1; 0 when there is no position.
    unsigned column = 0;  // From 1, in bytes.
    unsigned offset = 0;  // From 0, in bytes.
};

enum class Severity { kNote, kWarning, kError };

struct Diagnostic {
    Severity severity = Severity::kError;
    SourcePosition position;
    std::string message;
};

class DiagnosticList {
public:
    void Error(SourcePosition position, std::string message);
    void Warning(SourcePosition position, std::string message);
    void Add(Diagnostic diagnostic) { items_.push_back(std::move(diagnostic)); }

    [[nodiscard]] bool HasErrors() const;
    [[nodiscard]] const std::vector<Diagnostic> &items() const { return items_; }

private:
    std::vector<Diagnostic> items_;
};

// `file:line:col: error: message`, and below it the line of `source` with a caret when the position is in
// `source_file`. Ends with a newline.
std::string FormatDiagnostic(const Diagnostic &diagnostic, std::string_view source_file,
                             std::string_view source);

}  // namespace opendext::iig
