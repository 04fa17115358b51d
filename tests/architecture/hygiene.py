# SPDX-License-Identifier: Apache-2.0
"""What no file may contain or be called, and the licence line that each source has."""
import pathlib
import re

import source_tree

FORBIDDEN_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}

# Each pattern is written so that it does not match its own text.
FORBIDDEN_TEXT = [
    (re.compile(r"/wor[k]/|/roo[t]/|/hom[e]/\w|/tmp/pla[n]|/tmp/re[f]\b|/Users/\w"),
     "a path of one machine"),
    (re.compile(r"\b(pypi\.or[g]|pythonhosted\.or[g]|npmjs\.or[g]|crates\.i[o]|proxy\.golang\.or[g]|"
                r"deb\.debian\.or[g]|archive\.ubuntu\.co[m])"),
     "the host of a package registry"),
    (re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b"), "a note of unfinished work"),
]
_SPDX = "SPDX-License-Identifier: Apache-2.0"
_TEXT_SUFFIXES = {".md", ".txt", ".cmake", ".py", ".sh", ".yml", ".yaml", ".json", ".plist", ".in",
                  ".entitlements", ".xml"}
_LICENSED_SUFFIXES = {".cmake", ".py", ".sh"}


def words_of(name):
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return {word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced)}


def is_script(tree, path):
    return "." not in pathlib.PurePosixPath(path).name and tree.text(path).startswith("#!")


def needs_licence(tree, path):
    pure = pathlib.PurePosixPath(path)
    return (source_tree.is_cpp(path) or pure.suffix in _LICENSED_SUFFIXES
            or pure.name == "CMakeLists.txt" or is_script(tree, path))


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), start=1):
        for pattern, what in FORBIDDEN_TEXT:
            match = pattern.search(line)
            if match:
                yield f"{path}:{number}: {what}: {match.group()}"


def check(tree):
    for path in tree.files:
        if source_tree.is_data(path):
            continue
        pure = pathlib.PurePosixPath(path)
        for part in pure.parts:
            for word in sorted(words_of(part) & FORBIDDEN_NAMES):
                yield f"{path}:1: '{word}' in the name of '{part}'; say what it is for"
        if needs_licence(tree, path) and _SPDX not in "\n".join(tree.text(path).split("\n")[:3]):
            yield f"{path}:1: the line '{_SPDX}' is missing at the top"
        if source_tree.is_cpp(path) or pure.suffix in _TEXT_SUFFIXES or is_script(tree, path):
            yield from check_text(path, tree.text(path))
