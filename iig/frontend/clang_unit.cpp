// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/clang_unit.h"

#include <algorithm>
#include <array>

#include "iig/frontend/annotations.h"

namespace opendext::iig {

namespace {

constexpr const char *kPreludeName = "/opendext-iig/annotations.h";

Diagnostic ReadDiagnostic(CXDiagnostic diagnostic, Severity severity) {
    return {severity, ExpansionPosition(clang_getDiagnosticLocation(diagnostic)),
            TakeString(clang_getDiagnosticSpelling(diagnostic))};
}

std::vector<Diagnostic> ReadNotes(CXDiagnostic diagnostic) {
    std::vector<Diagnostic> notes;
    CXDiagnosticSet children = clang_getChildDiagnostics(diagnostic);
    for (unsigned i = 0; i < clang_getNumDiagnosticsInSet(children); ++i) {
        CXDiagnostic child = clang_getDiagnosticInSet(children, i);
        Diagnostic note = ReadDiagnostic(child, Severity::kNote);
        if (note.position.file != kPreludeName) {
            notes.push_back(std::move(note));
        }
        clang_disposeDiagnostic(child);
    }
    return notes;
}

}  // namespace

std::string TakeString(CXString string) {
    const char *text = clang_getCString(string);
    std::string copy = text == nullptr ? "" : text;
    clang_disposeString(string);
    return copy;
}

SourcePosition ExpansionPosition(CXSourceLocation location) {
    SourcePosition position;
    CXFile file = nullptr;
    clang_getExpansionLocation(location, &file, &position.line, &position.column, &position.offset);
    if (file != nullptr) {
        position.file = TakeString(clang_getFileName(file));
    }
    return position;
}

std::expected<ClangUnit, std::string> ClangUnit::Parse(const SourceText &source,
                                                       const std::vector<std::string> &arguments) {
    std::vector<const char *> options;
    for (const std::string &argument : arguments) {
        options.push_back(argument.c_str());
    }
    for (const char *option :
         {"-x", "c++-header", "-fblocks", "-w", "-ferror-limit=0", "-include", kPreludeName}) {
        options.push_back(option);
    }
    const std::string_view prelude = AnnotationPrelude();
    std::array<CXUnsavedFile, 2> unsaved = {
        CXUnsavedFile{source.file_name().c_str(), source.text().data(), source.text().size()},
        CXUnsavedFile{kPreludeName, prelude.data(), prelude.size()}};
    ClangUnit unit;
    unit.index_.reset(
        clang_createIndex(/*excludeDeclarationsFromPCH=*/0, /*displayDiagnostics=*/0));
    CXTranslationUnit parsed = nullptr;
    const CXErrorCode status = clang_parseTranslationUnit2(
        unit.index_.get(), source.file_name().c_str(), options.data(),
        static_cast<int>(options.size()), unsaved.data(), static_cast<unsigned>(unsaved.size()),
        CXTranslationUnit_DetailedPreprocessingRecord | CXTranslationUnit_KeepGoing, &parsed);
    unit.unit_.reset(parsed);
    if (status == CXError_Crashed) {
        return std::unexpected(
            "the C++ parser (libclang) crashed on this file; look for unusual syntax in it");
    }
    if (status != CXError_Success || parsed == nullptr) {
        return std::unexpected(
            "the C++ parser (libclang) refused the file or one of the options given to iig");
    }
    unit.ReadErrors();
    unit.ReadFiles();
    unit.ReadSkipped(source.file_name());
    return unit;
}

bool ClangUnit::IsInMainFile(CXCursor cursor) const {
    return clang_Location_isFromMainFile(clang_getCursorLocation(cursor)) != 0;
}

void ClangUnit::ReadErrors() {
    for (unsigned i = 0; i < clang_getNumDiagnostics(unit_.get()); ++i) {
        CXDiagnostic diagnostic = clang_getDiagnostic(unit_.get(), i);
        const CXDiagnosticSeverity severity = clang_getDiagnosticSeverity(diagnostic);
        if (severity >= CXDiagnostic_Error) {
            errors_.push_back({ReadDiagnostic(diagnostic, Severity::kError), ReadNotes(diagnostic),
                               severity == CXDiagnostic_Fatal});
        }
        clang_disposeDiagnostic(diagnostic);
    }
}

void ClangUnit::ReadFiles() {
    clang_getInclusions(
        unit_.get(),
        [](CXFile file, CXSourceLocation *, unsigned, CXClientData data) {
            auto &files = *static_cast<std::vector<std::string> *>(data);
            std::string name = TakeString(clang_getFileName(file));
            if (name != kPreludeName && std::ranges::find(files, name) == files.end()) {
                files.push_back(std::move(name));
            }
        },
        &files_);
}

void ClangUnit::ReadSkipped(const std::string &main_file) {
    CXFile file = clang_getFile(unit_.get(), main_file.c_str());
    if (file == nullptr) {
        return;
    }
    CXSourceRangeList *ranges = clang_getSkippedRanges(unit_.get(), file);
    for (unsigned i = 0; ranges != nullptr && i < ranges->count; ++i) {
        skipped_.push_back({ExpansionPosition(clang_getRangeStart(ranges->ranges[i])).offset,
                            ExpansionPosition(clang_getRangeEnd(ranges->ranges[i])).offset});
    }
    clang_disposeSourceRangeList(ranges);
}

}  // namespace opendext::iig
