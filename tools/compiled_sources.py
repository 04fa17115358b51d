#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the project's own sources that a build folder compiles, one per line, without generated ones."""
import json
import pathlib
import sys


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: compiled_sources.py BUILD_FOLDER", file=sys.stderr)
        return 2
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = json.loads((build / "compile_commands.json").read_text())
    files = {pathlib.Path(command["file"]) for command in commands}
    for file in sorted(files):
        if build not in file.parents and file.exists():
            print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
