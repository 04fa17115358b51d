// SPDX-License-Identifier: Apache-2.0
// Splits the text of a class body into its members, without knowing their types.
#pragma once

#include <string>
#include <vector>

#include "iig/frontend/source_text.h"

namespace opendext::iig {

struct MemberText {
    OffsetRange range;          // From the first token to the end of the last one.
    std::vector<Token> tokens;  // Code only: no comments, no directives; the `;` included.
    bool is_access = false;     // `public:`
    bool is_directive = false;  // `#define`, `#pragma` and the like
    bool has_body = false;      // A function with its body, `= default` or `= delete`.
    bool is_complete = false;   // Ended by `;` or `}`, brackets in pairs.
};

struct ClassText {
    OffsetRange range;       // From the `class` keyword to behind the `;`.
    bool is_closed = false;  // The closing brace was found.
    std::vector<MemberText> members;
};

// Reads the class whose declaration begins at `begin`; `skipped` is what #if removed.
ClassText SplitClass(const SourceText &source, size_t begin,
                     const std::vector<OffsetRange> &skipped);

}  // namespace opendext::iig
