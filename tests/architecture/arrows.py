# SPDX-License-Identifier: Apache-2.0
"""Who may include whom. The table is docs/architecture.md's; a room may also include what its rooms may."""
import pathlib
import re

import source_tree

# Room: the rooms that it may include. A file belongs to the room with the longest matching path.
ROOMS = {
    "sdk": ["sdk/os", "sdk/mach", "sdk/libc"],
    "sdk/os": ["sdk/libc", "sdk/mach"],
    "sdk/mach": ["sdk/libc"],
    "sdk/libc": [],
    "toolkit": ["sdk"],
    "iig": [],
    # The C functions of the SDK that drivers and applications share live in base.
    "src/base": ["sdk/os", "sdk/mach"],
    "src/runtime/diagnostics": ["src/base"],
    "src/runtime/object": ["src/runtime/diagnostics", "src/base", "sdk"],
    "src/runtime/dispatch": ["src/runtime/object"],
    "src/runtime/memory": ["src/runtime/object"],
    "src/runtime/service": ["src/runtime/object", "src/runtime/dispatch", "src/runtime/memory"],
    "src/families": ["src/runtime/service", "src/backends/api"],
    "src/backends/api": ["src/base"],
    "src/backends/usb": ["src/backends/api"],
    "src/backends/libusb": ["src/backends/usb"],
    "src/backends/emulated": ["src/backends/usb"],
    "src/backends/remote": ["src/backends/api"],
    "src/backends": ["src/backends/emulated"],
    "src/channel/memory": ["src/base"],
    "src/channel/wire": ["src/base"],
    "src/channel/transport": ["src/channel/wire", "src/channel/memory"],
    "src/device_host": ["src/channel/wire", "src/backends", "src/backends/libusb", "models"],
    "src/host": ["src/channel/transport", "src/families"],
    "src/registry": ["src/channel/transport"],
    "src/iokit/corefoundation": ["src/base", "sdk"],
    "src/iokit": ["src/iokit/corefoundation", "src/channel/transport"],
    "src/embedded": ["src/host", "src/device_host", "src/registry", "src/iokit", "src/backends"],
    "src/testing": ["src/embedded"],
    "src/toolchain": ["src/base"],
    # Models are written against the device model interface, which the emulated backend declares.
    "models": ["src/backends/emulated"],
    "samples": ["sdk", "toolkit"],
}
# These wire everything.
UNRESTRICTED = ["programs", "tests", "fuzz", "benchmarks"]

_INCLUDE = re.compile(r'^\s*#\s*(?:include|include_next|import)\s*(["<])([^">]+)[">]', re.MULTILINE)


def room_of(path):
    parts = pathlib.PurePosixPath(path).parts[:-1]
    for length in range(len(parts), 0, -1):
        room = "/".join(parts[:length])
        if room in ROOMS or room in UNRESTRICTED:
            return room
    return None


def reachable(room):
    """The room itself and all that it may include, directly or through another."""
    seen = set()
    pending = [room]
    while pending:
        current = pending.pop()
        if current not in seen:
            seen.add(current)
            pending.extend(ROOMS.get(current, []))
    return seen


def resolve(tree, includer, quote, name):
    """The path of the included file in the tree, or None when it is not ours."""
    folders = ["src", ".", "sdk", "toolkit/include", "src/testing/include"]
    if quote == "<":
        folders = ["sdk", "toolkit/include", "src/testing/include", "src", "."]
    if quote == '"':
        folders.insert(0, str(pathlib.PurePosixPath(includer).parent))
    for folder in folders:
        candidate = pathlib.PurePosixPath(folder, name)
        # A framework header may be generated from an .iig of the same name.
        for path in (candidate, candidate.with_suffix(".iig")):
            if ".." not in path.parts and tree.exists(path):
                return path.as_posix()
    return None


def check_file(tree, path):
    room = room_of(path)
    if room is None or room in UNRESTRICTED or source_tree.is_test(path):
        return
    allowed = reachable(room)
    text = tree.text(path)
    for match in _INCLUDE.finditer(text):
        target = resolve(tree, path, match.group(1), match.group(2))
        target_room = room_of(target) if target else None
        if target_room is None or target_room in allowed:
            continue
        line = text.count("\n", 0, match.start(2)) + 1
        names = ", ".join(sorted(allowed - {room})) or "nothing of ours"
        yield f"{path}:{line}: {room} may not include {target_room} ({match.group(2)}); it may include {names}"


def check(tree):
    for path in tree.files:
        if source_tree.is_cpp(path) and not source_tree.is_data(path):
            yield from check_file(tree, path)
