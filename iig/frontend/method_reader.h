// SPDX-License-Identifier: Apache-2.0
// Reads the declaration of a dispatched method, and checks it.
#pragma once

#include <optional>
#include <string>

#include <clang-c/Index.h>

#include "iig/frontend/annotations.h"
#include "iig/frontend/class_index.h"
#include "iig/frontend/diagnostic.h"
#include "iig/frontend/member_splitter.h"
#include "iig/frontend/type_reader.h"
#include "iig/model/interface_model.h"

namespace opendext::iig {

class MethodReader {
public:
    MethodReader(const ClassIndex &classes, DiagnosticList &diagnostics)
        : classes_(&classes), types_(classes), diagnostics_(&diagnostics) {}

    // A method of `owner` that is not LOCALONLY. Nothing after errors, which went to the diagnostics.
    [[nodiscard]] std::optional<MethodModel> Read(CXCursor cursor, const MemberText &text,
                                                  const ClassModel &owner);

private:
    bool CheckAnnotations(const AnnotationSet &annotations, const std::string &name);
    bool CheckShape(CXCursor cursor, const MethodModel &method);
    bool ReadParameters(CXCursor cursor, const MemberText &text, MethodModel &method);
    bool ReadParameter(CXCursor cursor, int index, ParameterModel &parameter);
    bool CheckParameterAnnotations(CXCursor cursor, ParameterModel &parameter);
    bool CheckOneWay(CXCursor cursor, const MethodModel &method);
    bool ResolveIdentity(CXCursor cursor, const AnnotationSet &annotations, const ClassModel &owner,
                         MethodModel &method);
    bool ResolveType(CXCursor cursor, const Annotation *annotation, const std::string &target,
                     MethodModel &method);
    CXCursor FollowType(CXCursor cursor, const std::string &target, const SourcePosition &position);
    void ReportUnknownTarget(const SourcePosition &position, const std::string &target);
    void Error(CXCursor cursor, std::string message);

    const ClassIndex *classes_;
    TypeReader types_;
    DiagnosticList *diagnostics_;
};

}  // namespace opendext::iig
