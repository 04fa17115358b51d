#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures bulk transfers of 64 KiB from an emulated USB disk in a virtual machine: through a driver, and with libusb
used directly. Prints one line of JSON. By turns, since the machine's speed changes; the best run of each counts."""
import argparse
import json
import pathlib
import re
import sys

import test_machine

# Nearly all that one READ(10) reads, so that what comes before and after it counts little; and as many at a time as a
# driver has that is to keep a fast device busy. The same on both sides.
TRANSFERS = 480
AT_A_TIME = 32
RUNS = 10
TURNS = 5
HANG_GUARD_SECONDS = 600


def speed(machine, command):
    output = machine.check(command, HANG_GUARD_SECONDS)
    return float(re.search(r"([0-9.]+) MB/s", output).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="folder of the release build")
    parser.add_argument("work", type=pathlib.Path, help="where the kernel and the guest's files are kept")
    arguments = parser.parse_args()
    how = f"{TRANSFERS} {AT_A_TIME} {RUNS}"
    programs = f"/{test_machine.GUEST_PROGRAMS}"
    through_driver = (f"opendext run {programs}/mass_storage.dext --device libusb:46f4:0001 "
                      f"--app {programs}/mass_storage-app measure {how}")
    speeds = {"vm_bulk_dext_MBps": [], "vm_bulk_libusb_MBps": []}
    with test_machine.TestMachine(arguments.build, arguments.work).boot() as machine:
        for _ in range(TURNS):
            speeds["vm_bulk_dext_MBps"].append(speed(machine, through_driver))
            speeds["vm_bulk_libusb_MBps"].append(speed(machine, f"libusb_measure {how}"))
    print(json.dumps({name: max(values) for name, values in speeds.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
