# SPDX-License-Identifier: Apache-2.0
"""The files of the repository, and C++ text without what is not code."""
import os
import pathlib
import re

IGNORED_FOLDERS = {".git", ".cache", "build", "__pycache__"}
# What a generator or a foreign tool is expected to read or write; not our style.
DATA_FOLDERS = {"golden", "fixtures", "testdata", "corpus"}
CPP_SUFFIXES = {".h", ".hpp", ".cpp", ".c", ".iig"}

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL)


class SourceTree:
    """The tree below `root`. Paths are relative to it, with forward slashes."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(self._walk())

    def _walk(self):
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
            for name in files:
                yield pathlib.Path(folder, name).relative_to(self.root).as_posix()

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def exists(self, path):
        return (self.root / path).is_file()


def is_data(path):
    return not DATA_FOLDERS.isdisjoint(pathlib.PurePosixPath(path).parts)


def is_cpp(path):
    return pathlib.PurePosixPath(path).suffix in CPP_SUFFIXES


def is_test(path):
    pure = pathlib.PurePosixPath(path)
    return pure.stem.endswith(("_test", "_rig")) or not {"tests", "testing"}.isdisjoint(pure.parts)


def without_comments_and_strings(text):
    """`text` with comments blanked and literals emptied; every line stays where it is."""

    def blank(match):
        token = match.group(0)
        newlines = "\n" * token.count("\n")
        if token.startswith("/"):
            return " " + newlines
        # A digit separator looks like a character literal: 1'000'000.
        if token.startswith("'") and match.start() > 0 and text[match.start() - 1].isalnum():
            return token
        return token[0] + newlines + token[-1] if token[0] != "R" else '""' + newlines

    return _TOKEN.sub(blank, text)


def without_preprocessor(text):
    """`text` with directives and their continuation lines blanked."""
    lines = text.split("\n")
    continues = False
    for index, line in enumerate(lines):
        if continues or line.lstrip().startswith("#"):
            continues = line.rstrip().endswith("\\")
            lines[index] = ""
    return "\n".join(lines)
