# SPDX-License-Identifier: Apache-2.0
"""The size budget: no function above 80 lines and no file above 800; of our code without its tests, 9 of 10
functions within 35 lines and 9 of 10 files within 400."""
import ast
import math
import re

import source_tree

MAX_FUNCTION_LINES = 80
MAX_FILE_LINES = 800
P90_FUNCTION_LINES = 35
P90_FILE_LINES = 400

# Tables are as long as what they list. Names that end so are exempt.
_TABLE = re.compile(r"_(table|cases)\.(h|cpp|py)$")
_CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum)\b[^()=]*$|\bextern\s*\"\"\s*$")
_ALIGNMENT = re.compile(r"\balignas\s*\([^()]*\)")
_INITIALIZED_MEMBER = re.compile(r"\)[^;{}()]*:(?!:).*[\w>]\s*$", re.DOTALL)


class FunctionScanner:
    """Finds function bodies in C++ by their braces. Lambdas and local classes count to the function around."""

    def __init__(self, text):
        clean = source_tree.without_comments_and_strings(text)
        self._text = source_tree.without_preprocessor(clean)
        self._stack = []
        self._head_start = 0
        self.functions = []  # (name, first line, number of lines)

    def scan(self):
        for match in re.finditer(r"[{};]", self._text):
            position = match.start()
            if match.group() == "{":
                self._open(position)
            elif match.group() == "}":
                self._close(position)
            elif not self._inside_function():
                self._head_start = position + 1
        return self.functions

    def _inside_function(self):
        return any(kind in ("function", "braces") for kind, _, _ in self._stack)

    def _open(self, position):
        head = self._text[self._head_start:position]
        if self._inside_function():
            kind = "braces"
        elif _CONTAINER.search(_ALIGNMENT.sub("", head)):
            kind = "container"
        elif "(" not in head or head.count("(") != head.count(")") or _INITIALIZED_MEMBER.search(head):
            kind = "braces"
        else:
            kind = "function"
        label = re.match(r"(\s*\b(public|private|protected)\s*:(?!:))*\s*", head)
        start = self._head_start + label.end()
        self._stack.append((kind, start, head))
        if kind != "braces":
            self._head_start = position + 1

    def _close(self, position):
        if not self._stack:
            return
        kind, start, head = self._stack.pop()
        if kind == "function":
            first = self._text.count("\n", 0, start) + 1
            last = self._text.count("\n", 0, position) + 1
            name = re.search(r"([~\w:<>]+|operator\s*\S+)\s*\(", head)
            self.functions.append((name.group(1) if name else "?", first, last - first + 1))
        if kind != "braces":
            self._head_start = position + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def functions_of(path, text):
    if path.endswith(".py"):
        return list(python_functions(text))
    return FunctionScanner(text).scan()


def percentile_90(values):
    """The value that nine of ten do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[math.ceil(0.9 * len(ordered)) - 1] if ordered else 0


def check(tree):
    file_lines = []
    function_lines = []
    for path in tree.files:
        is_source = source_tree.is_cpp(path) or path.endswith(".py")
        if not is_source or source_tree.is_data(path) or _TABLE.search(path):
            continue
        text = tree.text(path)
        lines = text.count("\n")
        if lines > MAX_FILE_LINES:
            yield f"{path}:1: {lines} lines; a file has at most {MAX_FILE_LINES}: split it by topic"
        functions = functions_of(path, text)
        for name, line, length in functions:
            if length > MAX_FUNCTION_LINES:
                yield (f"{path}:{line}: {name} has {length} lines; a function has at most "
                       f"{MAX_FUNCTION_LINES}: name its steps")
        if not source_tree.is_test(path):
            file_lines.append(lines)
            function_lines.extend(length for _, _, length in functions)
    if percentile_90(function_lines) > P90_FUNCTION_LINES:
        yield (f"one function in ten is longer than {P90_FUNCTION_LINES} lines "
               f"(the 90th percentile is {percentile_90(function_lines)})")
    if percentile_90(file_lines) > P90_FILE_LINES:
        yield (f"one file in ten is longer than {P90_FILE_LINES} lines "
               f"(the 90th percentile is {percentile_90(file_lines)})")
