# SPDX-License-Identifier: Apache-2.0
"""Finds what is declared and has no body: each declaration that counts as working must be defined in one of the
libraries, unless its body is in the header, or it is a macro, a type or pure."""
import subprocess

import report


def defined_symbols(nm, library):
    """The demangled names of what `library` defines for others; functions of C++ with their parameters."""
    result = subprocess.run([nm, "-D", "-C", "--defined-only", library], check=True, capture_output=True, text=True)
    symbols = set()
    for line in result.stdout.splitlines():
        # ADDRESS TYPE NAME; the name has spaces.
        fields = line.split(" ", 2)
        if len(fields) == 3:
            symbols.add(fields[2].split("@")[0])
    return symbols


class SymbolTable:
    def __init__(self, symbols):
        self._names = {}
        for symbol in symbols:
            self._names.setdefault(symbol.split("(", 1)[0], set()).add(symbol)

    def count(self, name):
        """How many overloads of `name` are defined."""
        return len(self._names.get(name, ()))


def _missing_of_class(owner, name, declarations, table):
    """The symbols that declarations of one name in one class call for, and that are not there."""
    called = f"{owner}::{name}"
    implementation = f"{called}_Impl"
    plain = 0  # Bodies under the name itself.
    implemented = 0  # Bodies under NAME_Impl.
    for each in declarations:
        if each.has_body:
            continue
        if each.is_override and table.count(implementation):
            implemented += 1
        elif each.is_interface and not each.is_local_only and not each.is_override:
            plain += 1
            implemented += 0 if each.is_pure else 1
        elif not each.is_pure:
            plain += 1
    return [f"{symbol} ({needed} declared, {table.count(symbol)} defined)"
            for symbol, needed in ((called, plain), (implementation, implemented))
            if table.count(symbol) < needed]


def _missing_of_name(name, declarations, table):
    objects = [each for each in declarations if each.kind != "type"]
    has_body = not objects or any(each.has_body for each in objects)
    return [] if has_body or table.count(name) else [name]


def missing(api, sdk, table):
    """One line for each declared name that has no body."""
    for framework in api["frameworks"]:
        for group in framework["groups"]:
            for entry in report.read_group(group, sdk):
                if entry.state == report.ABSENT:
                    continue
                where = entry.declarations[0].where
                symbols = (_missing_of_class(entry.owner, entry.name, entry.declarations, table) if entry.owner
                           else _missing_of_name(entry.name, entry.declarations, table))
                for symbol in symbols:
                    yield f"sdk/{where}: {symbol} is declared and not defined; define it, or do not declare it"
