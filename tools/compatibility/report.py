# SPDX-License-Identifier: Apache-2.0
"""Compares the public API, as public_api.json names it, with what the SDK declares, and writes the page."""
import dataclasses
import textwrap

WORKS, UNSUPPORTED, ABSENT = "works", "unsupported", "absent"
STATES = (WORKS, UNSUPPORTED, ABSENT)
_CLASS = "class"
_WIDTH = 110
_HEADING = """\
# Compatibility

Which names of the original's public API this SDK has. Made from `tools/compatibility/public_api.json` and the
headers in `sdk/` by

    {command}

A test compares it with them. Do not edit it.

- **works**: declared, and does what the original does.
- **unsupported**: declared, so that drivers compile; it returns `kIOReturnUnsupported` and logs its name once.
- **absent**: not declared: a driver that uses it does not compile.

A name stands for all of its overloads. A number behind a name is the DriverKit version that introduced it, where
that is known and not the first.
"""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One name of the API: its state, and the declarations that say so with the class they are in."""
    name: str
    since: str
    state: str
    owner: str = ""
    declarations: tuple = ()


def read_group(group, sdk):
    """The entries of one group of public_api.json."""
    entries = []
    for member in group["members"]:
        name, since = (member, "") if isinstance(member, str) else (member["name"], member["since"])
        if group["kind"] == _CLASS:
            owner, declarations = sdk.find_member(group["name"], name)
        else:
            owner, declarations = "", sdk.names.get(name, [])
        state = ABSENT
        if declarations:
            state = UNSUPPORTED if any(each.is_unsupported for each in declarations) else WORKS
        entries.append(Entry(name, since, state, owner or "", tuple(declarations)))
    return entries


def _count(entries):
    return {state: sum(entry.state == state for entry in entries) for state in STATES}


def _names(entries):
    text = ", ".join(f"`{each.name}`" + (f" ({each.since})" if each.since else "") for each in entries)
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _group_lines(group, entries, sdk):
    counts = _count(entries)
    if group["kind"] == _CLASS and group["name"] not in sdk.classes:
        title = f"### class {group['name']}: absent"
    elif group["kind"] == _CLASS:
        title = f"### class {group['name']}: {counts[WORKS]} of {len(entries)} work"
    else:
        title = f"### {group['name']}: {counts[WORKS]} of {len(entries)} work"
    lines = ["", title, ""]
    if not entries:
        lines.append("No methods of its own.")
    for state in STATES:
        if counts[state]:
            lines.append(f"- {state} ({counts[state]}):")
            lines += _names([entry for entry in entries if entry.state == state])
    return lines


def page(api, sdk, command):
    """The whole text of docs/compatibility.md."""
    summary = ["", "| framework | works | unsupported | absent | names |", "| --- | --- | --- | --- | --- |"]
    details = []
    total = []
    for framework in api["frameworks"]:
        details += ["", f"## {framework['name']}"]
        in_framework = []
        for group in framework["groups"]:
            entries = read_group(group, sdk)
            in_framework += entries
            details += _group_lines(group, entries, sdk)
        summary.append(_summary_row(framework["name"], in_framework))
        total += in_framework
    summary.append(_summary_row("all", total))
    return _HEADING.format(command=command) + "\n".join(summary + details) + "\n"


def _summary_row(name, entries):
    counts = _count(entries)
    cells = [name, *(str(counts[state]) for state in STATES), str(len(entries))]
    return "| " + " | ".join(cells) + " |"
