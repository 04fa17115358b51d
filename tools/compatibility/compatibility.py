#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/compatibility.md: which names of the original's public API the SDK has.

  compatibility.py write                         write the page
  compatibility.py check                         fail when the page is not what write would write
  compatibility.py symbols [--nm NM] LIBRARY...  fail when something is declared and in none of the libraries

A declaration whose doc comment says "Not supported yet" counts as unsupported."""
import argparse
import json
import pathlib
import sys

import report
import sdk_reader
import symbols

_COMMAND = "python3 tools/compatibility/compatibility.py write"


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("write", "check", "symbols"))
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[2],
                        help="the repository (default: the one this file is in)")
    parser.add_argument("--nm", default="nm", help="the program that lists symbols")
    return parser.parse_intermixed_args()


def _check(page_path, text):
    present = page_path.read_text(encoding="utf-8") if page_path.is_file() else ""
    if present == text:
        return 0
    print(f"{page_path} is not what the SDK says; run: {_COMMAND}", file=sys.stderr)
    return 1


def _check_symbols(api, sdk, arguments):
    if not arguments.libraries:
        print("compatibility.py: symbols needs the libraries to look into", file=sys.stderr)
        return 2
    defined = set()
    for library in arguments.libraries:
        defined |= symbols.defined_symbols(arguments.nm, library)
    lines = list(symbols.missing(api, sdk, symbols.SymbolTable(defined)))
    print("\n".join(lines))
    return 1 if lines else 0


def main():
    arguments = _arguments()
    api_path = arguments.root / "tools/compatibility/public_api.json"
    api = json.loads(api_path.read_text(encoding="utf-8"))
    sdk = sdk_reader.read_sdk(arguments.root / "sdk")
    if arguments.action == "symbols":
        return _check_symbols(api, sdk, arguments)
    page_path = arguments.root / "docs/compatibility.md"
    text = report.page(api, sdk, _COMMAND)
    if arguments.action == "check":
        return _check(page_path, text)
    page_path.parent.mkdir(exist_ok=True)
    page_path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
