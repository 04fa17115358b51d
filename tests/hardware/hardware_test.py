#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests on USB devices that QEMU emulates, in a virtual machine. Run by ./dev test hardware."""
import argparse
import contextlib
import pathlib
import socket
import subprocess
import sys
import time
import unittest

import test_machine
import virtual_machine

HANG_GUARD_SECONDS = virtual_machine.HANG_GUARD_SECONDS


class MachineTestCase(unittest.TestCase):
    """Has `self.machine`. All tests use one virtual machine; after one that failed, the next gets a new one."""

    source = None
    _running = contextlib.ExitStack()
    machine = None

    @classmethod
    def set_machine(cls, machine):
        MachineTestCase.machine = machine

    def setUp(self):
        if MachineTestCase.machine is None:
            self.set_machine(self._running.enter_context(self.source.boot()))

    @classmethod
    def shut_down(cls):
        cls._running.close()
        cls.set_machine(None)

    def run_program(self, command):
        """Runs one of our programs in the guest; it must succeed. Returns its output."""
        result = self.machine.run(f"/{test_machine.GUEST_PROGRAMS}/{command}", HANG_GUARD_SECONDS)
        self.assertEqual(result.status, 0, result.output)
        return result.output

    def start_program(self, command):
        """Starts one of our programs in the guest; see wait_for_program."""
        self.machine.check("rm -f /tmp/status; "
                           f"{{ /{test_machine.GUEST_PROGRAMS}/{command}; echo $? >/tmp/status; }} >/tmp/output 2>&1 &")

    def wait_for_program(self):
        """It must succeed. Returns its output."""
        self.machine.wait_for("test -e /tmp/status", HANG_GUARD_SECONDS)
        output = self.machine.check("cat /tmp/output")
        self.assertEqual(self.machine.check("cat /tmp/status").strip(), "0", output)
        return output

    def run_with_host(self, command, acts):
        """Runs a program that prints "now: WHAT" when it waits for the host; `acts` has what to do, by WHAT."""
        self.start_program(command)
        for what, act in acts.items():
            self.machine.wait_for(f"grep -q 'now: {what}' /tmp/output || test -e /tmp/status")
            act()
        self.wait_for_program()

    def run_here(self, *command):
        """Runs one of our programs on this side; it must succeed. Returns its output."""
        result = subprocess.run(command, capture_output=True, text=True, timeout=HANG_GUARD_SECONDS, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def plug_in(self, **device):
        self.machine.monitor.execute("device_add", **device)

    def unplug(self, device):
        self.machine.monitor.execute("device_del", id=device)


class DeviceListTest(MachineTestCase):
    def test_devices_are_found_by_the_kernel(self):
        listed = self.machine.wait_for(
            "cd /sys/bus/usb/devices && cat */idVendor */idProduct | grep -c . | grep -qx 16 && "
            "for d in *-*; do [ ! -e $d/idVendor ] || echo $(cat $d/idVendor):$(cat $d/idProduct) $(cat $d/product); done")
        for device in ("46f4:0001 QEMU USB HARDDRIVE", "46f4:0002 QEMU USB Audio", "46f4:0003", "46f4:0004 QEMU filesharing",
                       "0403:6001 QEMU USB SERIAL", "0627:0001 QEMU USB Keyboard"):
            self.assertIn(device, listed)


class LibusbWireTest(MachineTestCase):
    def test_transfers_and_requests(self):
        self.run_program("libusb_wire_test --gtest_color=no")

    def test_pressed_key_is_read(self):
        self.run_with_host("host_acts_test --gtest_filter=Keyboard.*", {
            "press a": lambda: self.machine.monitor.execute("send-key", keys=[{"type": "qcode", "data": "a"}])})

    def test_unplugged_disk_comes_back(self):
        self.run_with_host("host_acts_test --gtest_filter=Disk.*", {
            "unplug the disk": lambda: self.unplug("storage"),
            "plug in the disk": lambda: self.plug_in(**test_machine.disk_arguments())})

    def test_unplug_ends_all_transfers(self):
        self.run_with_host("host_acts_test --gtest_filter=Serial.*", {
            "unplug the serial adapter": lambda: self.unplug("serial")})
        self.plug_in(driver="usb-serial", bus="usb.0", id="serial", chardev="line", **{"always-plugged": True})


def run_driver(name, device, *app):
    """The command that runs a driver and its application in the guest."""
    programs = f"/{test_machine.GUEST_PROGRAMS}"
    return f"opendext run {programs}/{name}.dext --device {device} --app {programs}/{name}-app {' '.join(app)}"


class DriverTest(MachineTestCase):
    def test_mass_storage_driver_reads_the_disk(self):
        output = self.run_program(run_driver("mass_storage", "libusb:46f4:0001", "check"))
        self.assertIn("MassStorageDisk: QEMU    QEMU HARDDISK", output)
        self.assertIn("65536 blocks of 512 bytes", output)
        # The kernel has its disk again.
        self.machine.wait_for("ls /sys/bus/usb/drivers/usb-storage | grep -q :")

    def test_serial_driver_exchanges_bytes(self):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(HANG_GUARD_SECONDS)
            line.connect(str(self.machine.folder / "serial"))
            self.start_program(run_driver("serial_line", "libusb:0403:6001", "from-driver", "y" * 200))
            received = b""
            while not received.endswith(b"from-driver"):
                data = line.recv(64)
                self.assertTrue(data, "the line was closed")
                received += data
            line.sendall(b"y" * 200)
            self.wait_for_program()


class UsbipTest(MachineTestCase):
    """The guest exports its disk; what drives it is on this side."""

    def setUp(self):
        super().setUp()
        self.bus_id = self.machine.check(
            "cd /sys/bus/usb/devices && for d in *-*; do grep -qs 46f4 $d/idVendor && grep -qs 0001 $d/idProduct && "
            "echo $d; done; true").strip()
        self.machine.check("ip address replace 10.0.2.15/24 dev eth0 && ip link set eth0 up")
        self.machine.check("pidof usbipd >/dev/null || usbipd -D")
        self.machine.wait_for("netstat -tln | grep -q :3240")
        self.machine.check(f"usbip bind -b {self.bus_id}")
        self.device = f"usbip:127.0.0.1:{self.machine.forwarded_port(3240)}/{self.bus_id}"

    def tearDown(self):
        if MachineTestCase.machine is not None:
            self.machine.run(f"usbip unbind -b {self.bus_id}")

    def test_requests_and_transfers(self):
        self.run_here(self.source.program("hardware/usbip_wire_test"), self.device)

    def test_mass_storage_driver_on_this_side_reads_the_disk(self):
        output = self.run_here(self.source.program("bin/opendext"), "run",
                               self.source.program("hardware/mass_storage.dext"), "--device", self.device,
                               "--app", self.source.program("hardware/mass_storage-app"), "check")
        self.assertIn("65536 blocks of 512 bytes", output)


class PlainResult(unittest.TestResult):
    """Prints a line for each test, and why it failed."""

    def startTest(self, test):
        super().startTest(test)
        self._start = time.monotonic()

    def _print(self, word, test, details=""):
        print(f"{word} {test.id().removeprefix('__main__.')} ({time.monotonic() - self._start:.1f} s)", flush=True)
        if details:
            print(details, flush=True)

    def addSuccess(self, test):
        self._print("passed", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._print("FAILED", test, self.failures[-1][1])
        MachineTestCase.shut_down()

    def addError(self, test, err):
        super().addError(test, err)
        self._print("FAILED", test, self.errors[-1][1])
        MachineTestCase.shut_down()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="folder of the build whose programs are tested")
    parser.add_argument("work", type=pathlib.Path, help="where the kernel and the guest's files are kept")
    parser.add_argument("tests", nargs="*", help="names of tests; all when none is given")
    arguments = parser.parse_args()
    MachineTestCase.source = test_machine.TestMachine(arguments.build, arguments.work)
    loader = unittest.defaultTestLoader
    module = sys.modules["__main__"]
    tests = loader.loadTestsFromNames(arguments.tests, module) if arguments.tests else loader.loadTestsFromModule(module)
    result = PlainResult()
    try:
        tests.run(result)
    finally:
        MachineTestCase.shut_down()
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
