# SPDX-License-Identifier: Apache-2.0
"""The virtual machine of the hardware tests: which devices it has, and what is in its file system."""
import array
import contextlib
import pathlib
import shutil
import tempfile

import guest_files
import guest_kernel
import virtual_machine

DISK_BYTES = 32 << 20
# Where our programs are in the guest, laid out as in a build folder.
GUEST_PROGRAMS = "opendext/bin"
PROGRAMS = ("opendext", "opendextd", "opendext-host", "opendext-device")


def write_disk(path):
    """Each 32-bit word, little-endian, is its own number."""
    words = array.array("I", range(DISK_BYTES // 4))
    with open(path, "wb") as disk:
        words.tofile(disk)


def disk_arguments():
    return {"driver": "usb-storage", "bus": "usb.0", "id": "storage", "drive": "disk", "serial": "disk0001"}


def devices(folder):
    """QEMU's arguments for an xHCI with what nobody of us wrote behind it."""
    shared = folder / "shared"
    shared.mkdir()
    (shared / "file").write_text("content\n")
    disk = ",".join(f"{name}={value}" for name, value in disk_arguments().items() if name != "driver")
    return [
        "-device", "qemu-xhci,id=usb,p2=15,p3=15",
        "-blockdev", f"driver=file,node-name=disk,read-only=off,filename={folder}/disk.img",
        "-device", f"usb-storage,{disk}",
        "-blockdev", f"driver=null-co,node-name=null,size={DISK_BYTES}",
        "-device", "usb-uas,bus=usb.0,id=uas", "-device", "scsi-hd,bus=uas.0,drive=null",
        "-chardev", f"socket,id=line,path={folder}/serial,server=on,wait=off",
        "-device", "usb-serial,bus=usb.0,id=serial,chardev=line,always-plugged=on",
        "-device", "usb-kbd,bus=usb.0,id=keyboard",
        "-device", f"usb-mtp,bus=usb.0,id=mtp,rootdir={shared}",
        "-audiodev", "none,id=silence", "-device", "usb-audio,bus=usb.0,id=audio,audiodev=silence",
        "-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:3240", "-device", "virtio-net-pci,netdev=net",
    ]


class TestMachine:
    """Makes the initramfs once, and boots from it as often as it is asked to."""

    def __init__(self, build, work):
        """`build`: folder of a preset. `work`: where what is made is kept."""
        self._work = pathlib.Path(work)
        self._build = pathlib.Path(build).resolve()
        self._kernel = guest_kernel.GuestKernel.prepare(self._work / "kernel")
        self._initramfs = self._work / "initramfs"
        self._make_initramfs()

    def program(self, name):
        """A program of the build, to be run on this side."""
        return str(self._build / name)

    def _make_initramfs(self):
        files = guest_files.GuestFiles(self._work / "root")
        files.add_modules(self._kernel.modules())
        # `opendext run` does without headers, but not without a whole build.
        files.add_folder(self._build / "sdk", "opendext/sdk")
        for name in PROGRAMS:
            files.add_program(self._build / "bin" / name, f"{GUEST_PROGRAMS}/{name}")
        for path in sorted((self._build / "hardware").glob("[!.]*")):
            if path.suffix == ".dext":
                files.add_bundle(path, f"{GUEST_PROGRAMS}/{path.name}")
            else:
                files.add_program(path, f"{GUEST_PROGRAMS}/{path.name}")
        for name in ("usbip", "usbipd"):
            files.add_program(pathlib.Path("/usr/sbin", name), f"usr/sbin/{name}")
        files.pack(self._initramfs)

    @contextlib.contextmanager
    def boot(self):
        """A VirtualMachine with a `folder` of its own, in which are the sockets `monitor` and `serial`."""
        # A socket's path must be short.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="opendext-vm-"))
        try:
            write_disk(folder / "disk.img")
            with virtual_machine.VirtualMachine(self._kernel.image, self._initramfs, folder,
                                                devices(folder)) as machine:
                yield machine
        finally:
            console = folder / "console.log"
            if console.exists():
                shutil.copy(console, self._work / "console.log")
            shutil.rmtree(folder)
