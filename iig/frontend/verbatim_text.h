// SPDX-License-Identifier: Apache-2.0
// What of an .iig file goes to the generated files as text.
#pragma once

#include <string>
#include <vector>

#include "iig/frontend/source_text.h"

namespace opendext::iig {

// Copies stretches of the file, with `#include <X/Y.iig>` turned into `<X/Y.h>`, and without the outer include
// guard, `#pragma once`, annotations of announced classes, and `@iig` comments.
class VerbatimCopier {
public:
    explicit VerbatimCopier(const SourceText &source);

    [[nodiscard]] std::string Copy(OffsetRange range) const;

private:
    struct Edit {
        OffsetRange range;
        std::string replacement;
    };

    void FindGuard();
    void FindDirectives();
    void FindAnnotations();
    void FindComments();

    const SourceText *source_;
    std::vector<Edit> edits_;  // In order, not overlapping.
};

// The text between `@iig implementation` and `@iig end` in the file's comments, in order.
std::string ImplementationText(const SourceText &source);

}  // namespace opendext::iig
