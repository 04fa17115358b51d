// SPDX-License-Identifier: Apache-2.0
#include "iig/frontend/interface_reader.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "iig/frontend/annotations.h"
#include "iig/frontend/clang_errors.h"
#include "iig/frontend/clang_unit.h"
#include "iig/frontend/class_index.h"
#include "iig/frontend/class_reader.h"
#include "iig/frontend/source_text.h"
#include "iig/frontend/verbatim_text.h"

namespace opendext::iig {

namespace {

std::string NameOf(CXCursor cursor) {
    return TakeString(clang_getCursorSpelling(cursor));
}

class InterfaceReader {
public:
    InterfaceReader(const SourceText &source, const ClangUnit &unit, InterfaceResult &result)
        : source_(source), unit_(unit), classes_(unit.root()), result_(result) {}

    void Run() {
        FindClasses(unit_.root());
        std::vector<const ClassScope *> all;
        for (const ClassScope &scope : interfaces_) {
            all.push_back(&scope);
        }
        for (const ClassScope &scope : extensions_) {
            all.push_back(&scope);
        }
        if (!ReportClangErrors(unit_.errors(), source_, all, result_.diagnostics)) {
            return;
        }
        CheckClasses(all);
        if (!result_.diagnostics.HasErrors()) {
            ReadItems(all);
        }
    }

private:
    void FindClasses(CXCursor scope) {
        VisitChildren(scope, [this](CXCursor child) {
            const CXCursorKind kind = clang_getCursorKind(child);
            if (!unit_.IsInMainFile(child)) {
                return;
            }
            if (kind == CXCursor_LinkageSpec || kind == CXCursor_UnexposedDecl) {
                FindClasses(child);
            } else if (kind == CXCursor_Namespace) {
                FindInNamespace(child);
            } else if (IsRecord(kind) && clang_isCursorDefinition(child) != 0) {
                AddClass(child);
            }
        });
    }

    void FindInNamespace(CXCursor scope) {
        VisitChildren(scope, [this](CXCursor child) {
            if (IsRecord(clang_getCursorKind(child)) && classes_.IsObjectClass(child)) {
                Error(child,
                      fmt::format(
                          "class '{}' is in a namespace; OSObject classes are global, move it out",
                          NameOf(child)));
            }
        });
    }

    void AddClass(CXCursor cursor) {
        const std::string name = NameOf(cursor);
        const AnnotationSet annotations = AnnotationSet::Of(cursor);
        if (name == "OSMetaClassBase") {
            return;
        }
        if (annotations.Has("EXTENDS")) {
            extensions_.push_back(BindClass(cursor, source_, unit_.skipped(), classes_));
        } else if (classes_.IsDerivedFromObject(cursor)) {
            interfaces_.push_back(BindClass(cursor, source_, unit_.skipped(), classes_));
        } else if (!annotations.items().empty() || HasAnnotatedMethod(cursor)) {
            if (std::ranges::none_of(unit_.errors(), [](const ClangError &error) {
                    return IsAboutABase(error.diagnostic);
                })) {
                ReportNotDerived(cursor);
            }
        } else if (clang_getCursorKind(cursor) == CXCursor_ClassDecl &&
                   clang_Cursor_isNull(first_plain_)) {
            first_plain_ = cursor;
        }
    }

    static bool HasAnnotatedMethod(CXCursor cursor) {
        bool has_any = false;
        VisitChildren(cursor, [&has_any](CXCursor child) {
            has_any = has_any || (clang_getCursorKind(child) == CXCursor_CXXMethod &&
                                  !AnnotationSet::Of(child).items().empty());
        });
        return has_any;
    }

    void ReportNotDerived(CXCursor cursor) {
        Error(cursor,
              fmt::format(
                  "class '{}' is not derived from OSObject; write 'class {} : public OSObject', or "
                  "another OSObject class such as IOService",
                  NameOf(cursor), NameOf(cursor)));
    }

    void CheckClasses(const std::vector<const ClassScope *> &all) {
        if (interfaces_.empty() && !result_.diagnostics.HasErrors()) {
            if (!clang_Cursor_isNull(first_plain_)) {
                ReportNotDerived(first_plain_);
            } else if (extensions_.empty() && result_.model.framework.empty()) {
                // A framework has files that only include others.
                result_.diagnostics.Error(source_.PositionOf(0),
                                          "no class declared: an .iig declares one class "
                                          "derived from OSObject");
            }
        }
        for (const ClassScope *scope : all) {
            if (!scope->text.is_closed) {
                Error(scope->cursor,
                      fmt::format("the body of class '{}' must be written out, not made by a macro",
                                  NameOf(scope->cursor)));
            }
        }
        for (const ClassScope &scope : extensions_) {
            CheckExtension(scope);
        }
    }

    void CheckExtension(const ClassScope &scope) {
        const AnnotationSet annotations = AnnotationSet::Of(scope.cursor);
        const Annotation *extends = annotations.Find("EXTENDS");
        const bool is_known = std::ranges::any_of(interfaces_, [&](const ClassScope &c) {
            return NameOf(c.cursor) == extends->argument;
        });
        if (!is_known) {
            result_.diagnostics.Error(
                extends->position,
                fmt::format("EXTENDS({}): there is no class '{}' in this file; put '{}' into the "
                            ".iig file of that class",
                            extends->argument, extends->argument, NameOf(scope.cursor)));
        }
    }

    void ReadItems(std::vector<const ClassScope *> all) {
        std::ranges::sort(all, {}, [](const ClassScope *scope) { return scope->text.range.begin; });
        const VerbatimCopier copier(source_);
        size_t at = 0;
        for (const ClassScope *scope : all) {
            if (scope->text.range.begin < at) {
                Error(scope->cursor, fmt::format("class '{}' cannot be read; write it on its own",
                                                 NameOf(scope->cursor)));
                return;
            }
            AddText(copier.Copy({at, scope->text.range.begin}));
            at = scope->text.range.end;
            if (!AnnotationSet::Of(scope->cursor).Has("EXTENDS")) {
                AddClassModel(*scope);
            }
        }
        AddText(copier.Copy({at, source_.text().size()}));
        result_.model.implementation_text = ImplementationText(source_);
    }

    void AddClassModel(const ClassScope &scope) {
        std::vector<const ClassScope *> scopes = {&scope};
        const std::string name = NameOf(scope.cursor);
        for (const ClassScope &extension : extensions_) {
            if (AnnotationSet::Of(extension.cursor).Find("EXTENDS")->argument == name) {
                scopes.push_back(&extension);
            }
        }
        ClassReader reader(source_, classes_, result_.diagnostics);
        ClassModel model = reader.Read(scopes);
        AddText(reader.directives());
        result_.model.items.emplace_back(std::move(model));
    }

    void AddText(const std::string &text) {
        const size_t begin = text.find_first_not_of(" \t\r\n");
        if (begin != std::string::npos) {
            // Whole lines, without the blank ones around them.
            const size_t line_break = text.rfind('\n', begin);
            const size_t first = line_break == std::string::npos ? 0 : line_break + 1;
            const size_t last = text.find_last_not_of(" \t\r\n");
            result_.model.items.emplace_back(
                VerbatimText{text.substr(first, last + 1 - first) + "\n"});
        }
    }

    void Error(CXCursor cursor, std::string message) {
        result_.diagnostics.Error(ExpansionPosition(clang_getCursorLocation(cursor)),
                                  std::move(message));
    }

    const SourceText &source_;
    const ClangUnit &unit_;
    ClassIndex classes_;
    InterfaceResult &result_;
    std::vector<ClassScope> interfaces_;
    std::vector<ClassScope> extensions_;
    CXCursor first_plain_ = clang_getNullCursor();
};

// libclang parses by recursion: what is nested too deep would end the program. The place, if any.
std::optional<size_t> FindTooDeep(const SourceText &source) {
    constexpr int kDeepestBrackets = 256;
    constexpr int kLongestRun = 1000;
    int depth = 0;
    int run = 0;
    for (const Token &token : source.tokens()) {
        run = token.kind == TokenKind::kPunctuator ? run + 1 : 0;
        if (token.kind == TokenKind::kPunctuator) {
            const char c = token.text.front();
            depth += (c == '(' || c == '[' || c == '{') ? 1 : 0;
            depth -= (c == ')' || c == ']' || c == '}') ? 1 : 0;
        }
        if (depth > kDeepestBrackets || run > kLongestRun) {
            return token.begin;
        }
    }
    return std::nullopt;
}

}  // namespace

InterfaceResult ReadInterface(const InterfaceRequest &request) {
    InterfaceResult result;
    result.model.file_name = std::filesystem::path(request.path).filename().string();
    result.model.framework = request.framework;
    const SourceText source(request.path, request.text);
    if (request.text.contains('\0')) {
        result.diagnostics.Error(source.PositionOf(request.text.find('\0')),
                                 "the file holds a zero byte; it is not text");
        return result;
    }
    if (const std::optional<size_t> offset = FindTooDeep(source)) {
        result.diagnostics.Error(
            source.PositionOf(*offset),
            "brackets or operators are nested too deep here; is one not closed?");
        return result;
    }
    const std::expected<ClangUnit, std::string> unit = ClangUnit::Parse(source, request.arguments);
    if (!unit) {
        result.diagnostics.Error(source.PositionOf(0), unit.error());
        return result;
    }
    result.files = unit->files();
    InterfaceReader(source, *unit, result).Run();
    return result;
}

}  // namespace opendext::iig
