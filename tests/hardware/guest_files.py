# SPDX-License-Identifier: Apache-2.0
"""The guest's root file system: an initramfs of busybox, modules, our programs and the libraries that they load."""
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)


class GuestFiles:
    """A staging folder that becomes an initramfs."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ("bin", "dev", "proc", "sys", "tmp", "modules", "usr/bin", "usr/sbin", "var/run"):
            (self.root / name).mkdir(parents=True)
        shutil.copy(HERE / "init", self.root / "init")
        (self.root / "init").chmod(0o755)
        shutil.copy(shutil.which("busybox"), self.root / "bin/busybox")

    def add_modules(self, modules):
        order = []
        for path in modules:
            shutil.copy(path, self.root / "modules" / path.name)
            order.append(path.name)
        (self.root / "modules/order").write_text("".join(name + "\n" for name in order))

    def add_folder(self, folder, place):
        shutil.copytree(folder, self.root / place)

    def add_bundle(self, folder, place):
        """Copies a driver."""
        self.add_folder(folder, place)
        for code in folder.glob("*.so"):
            self.add_program(code, f"{place}/{code.name}")

    def add_program(self, path, place):
        """Copies an executable or shared object to `place`, without its debug information, and what it loads to where
        the loader finds it."""
        self._copy_stripped(path, self.root / place)
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for library in _LIBRARY.findall(listed):
            self._add_library(pathlib.Path(library))

    def _add_library(self, library):
        # Ours are found relative to the program; the system's where the system has them.
        ours = library.name.startswith("libopendext-")
        target = self.root / "opendext/lib" / library.name if ours else self.root / str(library)[1:]
        if not target.exists():
            self._copy_stripped(library, target)

    @staticmethod
    def _copy_stripped(path, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["llvm-objcopy-19", "--strip-debug", os.path.realpath(path), target], check=True)
        target.chmod(0o755)

    def pack(self, image):
        """Writes the initramfs: not compressed, which the guest would undo slowly."""
        names = sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))
        with open(image, "wb") as output:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=self.root,
                           input="".join(name + "\n" for name in names).encode(), stdout=output, check=True)
