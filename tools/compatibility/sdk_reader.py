# SPDX-License-Identifier: Apache-2.0
"""Reads what the headers and .iig files of the SDK declare: classes with their methods, functions, variables,
types and macros, by name. It reads declarations only; it is no compiler, and needs none."""
import dataclasses
import pathlib
import re

# In the doc comment of a declaration that returns kIOReturnUnsupported and logs its name.
UNSUPPORTED_PHRASE = "Not supported yet"

_COMMENT_OR_TEXT = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\[\[.*?\]\]|\balignas\s*\([^()]*\)")
_DECORATION = re.compile(r"^(?:(?:CF|OS|IO|DISPATCH|DRIVERKIT)_[A-Z_]+\s+|extern\s+(?:\"\"\s*)?)+")
_CLASS = re.compile(
    r"^(?P<typedef>typedef\s+)?(?P<key>class|struct|union|enum)\b(?P<head>[^:]*)(?::(?P<bases>.*))?$")
_FUNCTION = re.compile(r"(?P<name>operator\s*(?:bool|[^\s\w(]+|\(\s*\))|~?\w+)\s*\(")
_TOKEN = re.compile(r"[{};()]|\b(?:public|private|protected)\s*:(?!:)")
_TYPEDEF_NAME = re.compile(r"\(\s*[*^]\s*(\w+)\s*\)\s*\(|(\w+)\s*(?:\[[^\]]*\]\s*)*$")


@dataclasses.dataclass(frozen=True)
class Declaration:
    """One declaration of a name. `kind`: function, variable, type or macro."""
    name: str
    kind: str
    where: str
    has_body: bool = False
    is_pure: bool = False
    is_local_only: bool = False
    is_override: bool = False
    is_interface: bool = False  # From an .iig file: iig makes the caller of what is not LOCALONLY.
    is_unsupported: bool = False


class ClassDeclaration:
    def __init__(self, bases):
        self.bases = bases
        self.members = {}


class Sdk:
    """Everything declared, by name."""

    def __init__(self):
        self.classes = {}
        self.names = {}

    def find_member(self, class_name, member):
        """The declaring class's name and the declarations of `member` there: in the class or its nearest base."""
        found = self.classes.get(class_name)
        if found is None:
            return None, []
        if member in found.members:
            return class_name, found.members[member]
        for base in found.bases:
            owner, declarations = self.find_member(base, member)
            if declarations:
                return owner, declarations
        return None, []


def read_sdk(root):
    sdk = Sdk()
    root = pathlib.Path(root)
    for path in sorted(root.rglob("*")):
        if path.suffix in (".h", ".iig"):
            _FileReader(sdk, path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")).read()
    return sdk


def _blank(match):
    token = match.group(0)
    newlines = "\n" * token.count("\n")
    return " " + newlines if token.startswith("/") else token[0] * 2 + newlines


def _without_templates(text):
    """`text` without its leading `template <...>`."""
    while text.startswith("template"):
        depth = 0
        for position, character in enumerate(text):
            depth += {"<": 1, ">": -1}.get(character, 0)
            if character == ">" and depth == 0:
                text = text[position + 1:].lstrip()
                break
        else:
            return text
    return text


class _FileReader:
    """Walks the declarations of one file, scope by scope."""

    def __init__(self, sdk, path, text):
        self._sdk = sdk
        self._path = path
        self._raw_lines = text.split("\n")
        self._text = self._read_preprocessor(_COMMENT_OR_TEXT.sub(_blank, text))
        # Open scopes: ("open", None), ("class", ClassDeclaration), ("typedef", None) or ("body", None).
        self._scopes = [("open", None)]
        self._start = 0
        self._end_of_typedef = -1

    def _read_preprocessor(self, text):
        """Records macros; returns the text without directives and without what only iig sees."""
        kept = []
        hidden = []  # For each open #if: whether its text is for iig only, or for nobody.
        is_continued = False
        for number, line in enumerate(text.split("\n"), start=1):
            stripped = line.strip()
            if is_continued or stripped.startswith("#"):
                if not is_continued:
                    self._read_directive(stripped, number, hidden)
                is_continued = stripped.endswith("\\")
                kept.append("")
            else:
                kept.append("" if any(hidden) else line)
        return "\n".join(kept)

    def _read_directive(self, directive, number, hidden):
        words = directive[1:].split()
        if not words:
            return
        if words[0] in ("if", "ifdef", "ifndef"):
            hidden.append(words[1:] in (["__IIG"], ["0"]))
        elif words[0] in ("else", "elif") and hidden:
            hidden[-1] = False
        elif words[0] == "endif" and hidden:
            hidden.pop()
        elif words[0] == "define" and not any(hidden):
            name = re.match(r"\w+", words[1]).group(0)
            self._add(self._sdk.names, Declaration(name, "macro", f"{self._path}:{number}", has_body=True))

    def read(self):
        depth = 0
        for match in _TOKEN.finditer(self._text):
            token, position = match.group(), match.start()
            if token in "()":
                depth += 1 if token == "(" else -1
            elif depth > 0:
                continue
            elif token == "{":
                self._open(position)
            elif token == "}":
                self._close(position)
            elif token == ";":
                self._statement(position, has_body=False)
            elif self._scopes[-1][0] != "body":
                self._start = match.end()

    def _head(self, position):
        raw = self._text[self._start:position]
        first = self._start + len(raw) - len(raw.lstrip())
        line = self._text.count("\n", 0, first) + 1
        text = " ".join(_ATTRIBUTE.sub(" ", raw).split())
        return _without_templates(_DECORATION.sub("", text)), line

    def _open(self, position):
        head, line = self._head(position)
        in_body = self._scopes[-1][0] in ("body", "typedef")
        match = _CLASS.match(head)
        if in_body:
            scope = ("body", None)
        elif head in ("", 'extern ""') or head.startswith("namespace"):
            scope = ("open", None) if not head.startswith("namespace") else ("body", None)
        elif match and "(" not in re.sub(r"\b[A-Z]+\s*\([^()]*\)", "", match["head"]):
            scope = self._open_type(match, line)
        else:
            self._statement(position, has_body=True)
            scope = ("body", None)
        self._scopes.append(scope)
        self._start = position + 1

    def _open_type(self, match, line):
        words = re.findall(r"\w+", re.sub(r"\([^()]*\)", "", match["head"]))
        if words and match["key"] != "enum":
            bases = re.findall(r"\b(?!public\b|virtual\b|private\b|protected\b)\w+", match["bases"] or "")
            self._sdk.classes.setdefault(words[-1], ClassDeclaration(bases))
        if words:
            self._add(self._sdk.names, Declaration(words[-1], "type", f"{self._path}:{line}", has_body=True))
        if match["typedef"]:
            return ("typedef", None)
        is_class = words and match["key"] != "enum"
        return ("class", self._sdk.classes[words[-1]]) if is_class else ("body", None)

    def _close(self, position):
        closed = self._scopes.pop() if len(self._scopes) > 1 else ("open", None)
        self._start = position + 1
        if closed[0] == "typedef":
            self._end_of_typedef = self._text.find(";", position)
            rest = _ATTRIBUTE.sub(" ", self._text[position + 1:self._end_of_typedef])
            for name in re.findall(r"\w+", rest):
                line = self._text.count("\n", 0, position) + 1
                self._add(self._sdk.names, Declaration(name, "type", f"{self._path}:{line}", has_body=True))

    def _statement(self, position, has_body):
        head, line = self._head(position)
        self._start = position + 1
        kind, owner = self._scopes[-1]
        if position == self._end_of_typedef:
            return
        if kind not in ("open", "class") or not head or head.startswith(("friend", "static_assert")):
            return
        declaration = self._declaration(head, line, has_body)
        if declaration is not None:
            self._add(owner.members if kind == "class" else self._sdk.names, declaration)

    def _declaration(self, head, line, has_body):
        where = f"{self._path}:{line}"
        if head.startswith(("typedef", "using")):
            match = re.match(r"using (\w+) =", head)
            name = match or _TYPEDEF_NAME.search(head)
            found = name and next((group for group in name.groups() if group), None)
            return Declaration(found, "type", where, has_body=True) if found else None
        if re.fullmatch(r"(class|struct|union|enum)\s+(\w+\s+)*\w+", head):
            return None
        match = _FUNCTION.search(head)
        if match is None:
            name = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?:=.*)?$", head)
            return Declaration(name[1], "variable", where, has_body="constexpr" in head) if name else None
        return Declaration(
            re.sub(r"operator\s+(?=\W)", "operator", match["name"]), "function", where,
            has_body=has_body or re.search(r"=\s*(default|delete)$", head) is not None,
            is_pure=re.search(r"=\s*0$", head) is not None,
            is_local_only="LOCALONLY" in head,
            is_override=re.search(r"\boverride\b", head) is not None,
            is_interface=self._path.endswith(".iig"),
            is_unsupported=UNSUPPORTED_PHRASE in self._doc_comment(line))

    def _doc_comment(self, line):
        lines = []
        while line >= 2 and self._raw_lines[line - 2].strip().startswith("///"):
            lines.append(self._raw_lines[line - 2].strip()[3:])
            line -= 1
        return " ".join(" ".join(reversed(lines)).split())

    @staticmethod
    def _add(names, declaration):
        names.setdefault(declaration.name, []).append(declaration)
