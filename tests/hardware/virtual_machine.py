# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with emulated USB devices: boots, runs commands inside, plugs devices in and out."""
import json
import os
import re
import select
import socket
import subprocess
import time

# None of these decides a test: they end what hangs, also on a machine that does much else.
BOOT_SECONDS = 600
HANG_GUARD_SECONDS = 240


class GuestError(Exception):
    """The guest did not do what it should; the text has what it said last."""


class CommandResult:
    """What a command in the guest printed (both streams), and its exit status."""

    def __init__(self, status, output):
        self.status = status
        self.output = output


class Monitor:
    """QEMU's control socket (QMP)."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(HANG_GUARD_SECONDS)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rw", encoding="utf-8")
        self._lines.readline()  # The greeting.
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._lines.flush()
        while True:
            line = self._lines.readline()
            if not line:
                raise GuestError(f"QEMU ended during {command}")
            answer = json.loads(line)
            if "error" in answer:
                raise GuestError(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        self._lines.close()
        self._socket.close()


class VirtualMachine:
    """Use as a context manager: the machine runs inside the block. `devices` are further arguments of QEMU. `folder`
    is private to this machine; its sockets are there, and the kernel's log, console.log."""

    def __init__(self, kernel, initramfs, folder, devices):
        self.folder = folder
        self._arguments = [
            # Ends with this process, however that ends.
            "setpriv", "--pdeathsig", "KILL",
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", "1024", "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(kernel), "-initrd", str(initramfs),
            # Without tsc=reliable, the kernel takes two processors' clocks for different ones and reads that of the
            # chipset, which is a system call and a lock of QEMU's, unlike on real machines.
            "-append", "console=ttyS0 loglevel=4 panic=-1 mitigations=off nokaslr random.trust_cpu=on tsc=reliable "
            # The check of the timer at boot waits a fixed time, which a loaded machine exceeds; then the kernel panics.
            "no_timer_check",
            "-serial", f"file:{folder}/console.log", "-chardev", "stdio,id=commands,signal=off",
            "-serial", "chardev:commands", "-qmp", f"unix:{folder}/monitor,server=on,wait=off", *devices]
        self._process = None
        self._received = b""
        self._number = 0
        self.monitor = None

    def __enter__(self):
        self._process = subprocess.Popen(self._arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)
        try:
            self._await_answer(0, BOOT_SECONDS)
            self.monitor = Monitor(self.folder / "monitor")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.monitor:
            self.monitor.close()
        self._process.kill()
        self._process.communicate()

    def run(self, command, seconds=HANG_GUARD_SECONDS):
        """Runs one line of shell."""
        if "\n" in command:
            raise ValueError("one line a command")
        self._number += 1
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        return self._await_answer(self._number, seconds)

    def forwarded_port(self, guest_port):
        """The port of this side's loopback that leads to a port of the guest."""
        table = self.monitor.execute("human-monitor-command", **{"command-line": "info usernet"})
        match = re.search(rf"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+{guest_port}\b", table)
        if not match:
            raise GuestError(f"no port leads to {guest_port}\n{table}")
        return int(match.group(1))

    def check(self, command, seconds=HANG_GUARD_SECONDS):
        """As run; another exit status than 0 is an error. Returns the output."""
        result = self.run(command, seconds)
        if result.status != 0:
            raise GuestError(f"in the guest: {command}: exit status {result.status}\n{result.output}")
        return result.output

    def wait_for(self, command, seconds=HANG_GUARD_SECONDS):
        """Runs `command` until it succeeds. Returns its output."""
        return self.check(f"until {{ {command}; }}; do sleep 0.1; done", seconds)

    def _await_answer(self, number, seconds):
        end = time.monotonic() + seconds
        pattern = re.compile(rb"(?s)(.*?)\r?\n?@%d (\d+)\r?\n" % number)
        while True:
            match = pattern.match(self._received)
            if match:
                self._received = self._received[match.end():]
                return CommandResult(int(match.group(2)), match.group(1).decode(errors="replace"))
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise GuestError(f"no answer in {seconds} s\n{self._last_words()}")
            if select.select([self._process.stdout], [], [], remaining)[0]:
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    raise GuestError(f"QEMU ended: {self._process.stderr.read().decode()}\n{self._last_words()}")
                self._received += data

    def _last_words(self):
        console = self.folder / "console.log"
        log = console.read_text(errors="replace") if console.exists() else ""
        return "\n".join(log.splitlines()[-30:]) + "\n" + self._received.decode(errors="replace")[-4000:]
