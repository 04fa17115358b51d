#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guest's kernel and modules, taken out of Debian's package without installing it."""
import pathlib
import re
import shutil
import subprocess
import sys

# What the tests need; what these depend on comes with them.
MODULES = ["xhci-pci", "usb-storage", "uas", "sd_mod", "ftdi_sio", "usbhid", "hid-generic", "virtio_pci", "virtio_net",
           "usbip-host"]


class MissingPackage(Exception):
    """A package cannot be had; the text says which, and what apt-get said."""


def fetch_package(name, folder):
    """Downloads a Debian package into `folder`, which is made anew; returns its path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # As root, apt-get drops to a user that may not write here, and says so; the download succeeds all the same.
    result = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name], cwd=folder,
                            capture_output=True, text=True, check=False)
    packages = list(folder.glob("*.deb"))
    if result.returncode != 0 or len(packages) != 1:
        raise MissingPackage(f"apt-get download {name}: {(result.stdout + result.stderr).strip()}")
    return packages[0]


def unpack(package, folder, *paths):
    """Unpacks the paths of a package that match."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "--wildcards", "--no-wildcards-match-slash", *paths], stdin=archive.stdout,
                       cwd=folder, check=True)
        # tar may stop at the last path that it was asked for.
        archive.stdout.close()


def kernel_package():
    """The kernel that linux-image-amd64 stands for now."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True,
                             check=False).stdout
    match = re.search(r"Depends: (linux-image-\S+)", depends)
    if not match:
        raise MissingPackage("apt-cache knows no linux-image-amd64; run apt-get update")
    return match.group(1)


class GuestKernel:
    """A kernel image and module files below a folder. Kept there for the next run."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    @classmethod
    def prepare(cls, folder):
        kernel = cls(folder)
        if not kernel._is_complete():
            shutil.rmtree(kernel.folder, ignore_errors=True)
            package = fetch_package(kernel_package(), kernel.folder / "download")
            unpack(package, kernel.folder, "./boot/vmlinuz-*", "./lib/modules")
            shutil.rmtree(kernel.folder / "download")
            (kernel.folder / "complete").touch()
        return kernel

    def _is_complete(self):
        return (self.folder / "complete").exists()

    @property
    def image(self):
        return next((self.folder / "boot").glob("vmlinuz-*"))

    def modules(self):
        """Module files, each after those that it depends on."""
        files = {self._name(path): path for path in self.folder.glob("lib/modules/**/*.ko")}
        ordered = []

        def add(name):
            path = files.get(name)
            if path is None or path in ordered:
                return  # Built into the kernel, or there already.
            for needed in self._dependencies(path):
                add(needed)
            ordered.append(path)

        for name in MODULES:
            add(name.replace("-", "_"))
        return ordered

    @staticmethod
    def _name(path):
        return path.stem.replace("-", "_")

    @staticmethod
    def _dependencies(path):
        """What the module's own .modinfo says."""
        match = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        names = match.group(1).decode() if match else ""
        return [name.replace("-", "_") for name in names.split(",") if name]


if __name__ == "__main__":
    try:
        GuestKernel.prepare(sys.argv[1])
    except MissingPackage as error:
        sys.exit(f"guest_kernel: {error}")
