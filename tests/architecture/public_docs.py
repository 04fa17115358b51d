# SPDX-License-Identifier: Apache-2.0
"""Every class, struct, union and function that a header of the SDK declares has a doc comment: `///` or `/**
*/` right above it, or `///<` after it. One comment may stand for several declarations: between `/// @{` and
`/// @}`, or without a blank line between them when their names differ in numbers only. What has its
contract elsewhere needs none: overrides, forward declarations, destructors, defaulted and deleted members,
operators, friends, and what is private."""
import re

import source_tree

# Small libc headers hold what the standard describes.
_EXEMPT_FOLDERS = ("sdk/libc/",)
_TYPE = re.compile(r"^(?:template\s*<.*?>\s*)?(?:typedef\s+)?(class|struct|union)\b[^;=()]*$", re.DOTALL)
_SCOPE = re.compile(r"^(?:inline\s+)?namespace\b|^extern\s*\"\"\s*$")
_NAME = re.compile(r"([~\w]+)\s*\(")
_UNDOCUMENTED_IS_FINE = re.compile(
    r"\boverride\b|\boperator\b|=\s*(default|delete)\s*$|^friend\b|~\w+\s*\(|^static_assert\b"
    r"|^(class|struct|union|enum)\s+\w+$")
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\[\[.*?\]\]|\balignas\s*\([^()]*\)")


class DeclarationScanner:
    """Walks the declarations of a header, scope by scope."""

    def __init__(self, text):
        self._raw_lines = text.split("\n")
        self._text = source_tree.without_preprocessor(source_tree.without_comments_and_strings(text))
        self._grouped_lines = self._find_groups()
        self._scopes = ["public"]  # Access of each open scope; "body" where declarations do not count.
        self._start = 0
        self._last_documented = ("", 0)  # Name without numbers, last line.
        self.undocumented = []  # (line, declaration)

    def _find_groups(self):
        grouped = set()
        is_open = False
        for number, line in enumerate(self._raw_lines, start=1):
            if re.search(r"(///|\*).*@\{", line):
                is_open = True
            elif re.search(r"(///|\*).*@\}", line):
                is_open = False
            if is_open:
                grouped.add(number)
        return grouped

    def scan(self):
        depth = 0
        for match in re.finditer(r"[{};()]|\b(?:public|private|protected)\s*:(?!:)", self._text):
            token, position = match.group(), match.start()
            if token in "()":
                depth += 1 if token == "(" else -1
            elif depth > 0:
                continue
            elif token == "{":
                self._open(position)
            elif token == "}":
                if len(self._scopes) > 1:
                    self._scopes.pop()
                self._start = position + 1
            elif token == ";":
                self._end_statement(position)
            elif self._scopes[-1] != "body":
                self._scopes[-1] = token.split(":")[0].strip()
                self._start = match.end()
        return self.undocumented

    def _head(self, position):
        """The declaration that ends at `position`: its text in one line, and the line of its first word."""
        raw = self._text[self._start:position]
        start = self._start + len(raw) - len(raw.lstrip())
        text = " ".join(_ATTRIBUTE.sub(" ", raw).split())
        return text, self._text.count("\n", 0, start) + 1

    def _open(self, position):
        head, line = self._head(position)
        if self._scopes[-1] == "body":
            scope = "body"
        elif _SCOPE.search(head):
            scope = "public"
        elif _TYPE.search(head):
            self._require(head, line, position)
            is_class = re.search(r"\bclass\b", head) is not None
            scope = "private" if is_class else "public"
            if self._scopes[-1] != "public":
                scope = "body"
        else:
            if "(" in head:
                self._require(head, line, position)
            scope = "body"
        self._scopes.append(scope)
        self._start = position + 1

    def _end_statement(self, position):
        head, line = self._head(position)
        is_alias = re.match(r"(typedef|using)\b", head) is not None
        if "(" in head and not is_alias and self._scopes[-1] != "body":
            self._require(head, line, position)
        self._start = position + 1

    def _require(self, head, line, position):
        if self._scopes[-1] != "public" or _UNDOCUMENTED_IS_FINE.search(head):
            return
        # A macro on a line of its own, as `OS_BEGIN(x)`, declares nothing that we can name.
        name = _NAME.search(head)
        if re.fullmatch(r"[A-Z_0-9]+ ?\(.*\)", head) or (name is None and _TYPE.search(head) is None):
            return
        last_line = self._text.count("\n", 0, position) + 1
        shown = name.group(1) if name else head
        family = re.sub(r"\d+", "", shown)
        if self._is_documented(line, last_line) or self._last_documented == (family, line - 1):
            self._last_documented = (family, self._end_of_body(position))
        else:
            self.undocumented.append((line, shown))

    def _end_of_body(self, position):
        """The line where the declaration that has a `;` or `{` at `position` ends."""
        depth = 0
        for match in re.finditer(r"[{}]|;", self._text[position:]):
            depth += {"{": 1, "}": -1, ";": 0}[match.group()]
            if depth == 0:
                return self._text.count("\n", 0, position + match.start()) + 1
        return 0

    def _is_documented(self, line, last_line):
        above = self._raw_lines[line - 2].strip() if line >= 2 else ""
        is_comment = above.startswith("///") or above.endswith("*/")
        return ((is_comment and "@}" not in above) or line in self._grouped_lines
                or "///<" in self._raw_lines[last_line - 1])


def check(tree):
    for path in tree.files:
        if not path.startswith("sdk/") or not path.endswith((".h", ".hpp", ".iig")):
            continue
        if path.startswith(_EXEMPT_FOLDERS) or source_tree.is_data(path):
            continue
        for line, name in DeclarationScanner(tree.text(path)).scan():
            yield f"{path}:{line}: {name} has no doc comment; write its contract above it with ///"
