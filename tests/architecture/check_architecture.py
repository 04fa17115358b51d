#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of the repository that no compiler knows. Prints FILE:LINE: RULE for each breach.

usage: check_architecture.py [--rule arrows|sizes|hygiene|public_docs]... ROOT
"""
import argparse
import sys

import arrows
import hygiene
import public_docs
import sizes
import source_tree

RULES = {"arrows": arrows, "sizes": sizes, "hygiene": hygiene, "public_docs": public_docs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rule", action="append", choices=sorted(RULES), help="only this one; may be repeated")
    parser.add_argument("root", help="the top folder of the repository")
    arguments = parser.parse_args()
    tree = source_tree.SourceTree(arguments.root)
    num_breaches = 0
    for rule in arguments.rule or RULES:
        for breach in RULES[rule].check(tree):
            print(breach)
            num_breaches += 1
    if num_breaches:
        print(f"{num_breaches} breaches")
    return 1 if num_breaches else 0


if __name__ == "__main__":
    sys.exit(main())
