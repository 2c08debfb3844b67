# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine with a kernel of its own, for what a container shares with all others: device-mapper and its volumes.

QEMU emulates its processor, so that it needs nothing of this machine but time: everything takes five to ten times as long.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.machine_image import Image, image
from lab.shell import LabError, run

_BOOTS = 400  # seconds
_OPTIONS = "root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0 nokaslr tsc=reliable no_timer_check random.trust_cpu=on"


@dataclass
class Machine:
    """Its files are in ``folder``, its blank disks are ``/dev/disk/by-id/virtio-disk0`` and so on, of ``disks`` MiB.

    ``forwards`` are ports of its loopback that are reached at the same port of this machine's.
    """

    folder: Path
    disks: Sequence[int]
    forwards: Sequence[int] = ()
    memory: int = 1024
    port: int = 0
    image: Image = field(default_factory=image)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Up to where it answers. Raises LabError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or _free_port()
        if not (self.folder / "root.qcow2").exists():
            backing = ("-f", "qcow2", "-F", "qcow2", "-b", self.image.disk)
            run("qemu-img", "create", "-q", *backing, self.folder / "root.qcow2")
            for number, size in enumerate(self.disks):
                run("qemu-img", "create", "-q", "-f", "qcow2", self.folder / f"disk{number}.qcow2", f"{size}M")
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(self._words(), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        deadline = time.monotonic() + _BOOTS
        while self.run("true", check=False, timeout=30).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"the machine does not come up: {self._console()}")
            time.sleep(1)
        for port in self.forwards:
            run(*self.ssh_words, "-O", "forward", "-L", f"127.0.0.1:{port}:127.0.0.1:{port}")

    def stop(self) -> None:
        """As a power cut does."""
        if self._process:
            self._process.kill()
            self._process.wait()
        (self.folder / "control").unlink(missing_ok=True)

    def run(self, *words: str, check: bool = True, stdin: str = "", timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A command line of its shell, by root. Raises LabError where it fails, unless ``check`` is false."""
        done = self._ssh(words, stdin, timeout)
        if check and done.returncode:
            raise LabError(f"'{' '.join(words)}' ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        return done

    def put(self, source: Path, target: str) -> None:
        """A copy of a folder's content in the folder ``target``."""
        words = ["tar", "--directory", str(source), "--exclude=__pycache__", "--dereference", "-cz", "."]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as packed:
            command = [*self.ssh_words, f"mkdir -p {target} && tar -C {target} --no-same-owner -xz"]
            subprocess.run(command, stdin=packed.stdout, check=True, timeout=300)

    def get(self, source: str, target: Path) -> None:
        """A copy of the content of the folder ``source`` in the new folder ``target``."""
        target.mkdir(parents=True)
        with subprocess.Popen([*self.ssh_words, f"tar -C {source} -c ."], stdout=subprocess.PIPE) as packed:
            subprocess.run(["tar", "--directory", str(target), "-x"], stdin=packed.stdout, check=True, timeout=300)

    @property
    def ssh_words(self) -> list[str]:
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": "20",
            "ControlMaster": "auto",
            "ControlPath": str(self.folder / "control"),
            "ControlPersist": "yes",
        }
        given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-i", str(self.image.key), *given, "-p", str(self.port), "root@127.0.0.1"]

    def _ssh(self, words: Sequence[str], stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        command = [*self.ssh_words, *words]
        try:
            return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            return subprocess.CompletedProcess(command, 255, "", str(error))

    def _words(self) -> list[str]:
        drives = [self._drive("root"), *(self._drive(f"disk{number}") for number in range(len(self.disks)))]
        return [
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"),
            *("-m", str(self.memory), "-nodefaults", "-no-user-config", "-display", "none"),
            *("-serial", f"file:{self.folder / 'console'}"),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initial), "-append", _OPTIONS),
            *(word for drive in drives for word in drive),
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"),
            *("-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"),
        ]

    def _drive(self, name: str) -> list[str]:
        given = f"if=none,id={name},file={self.folder / name}.qcow2,format=qcow2,cache=unsafe"
        return ["-drive", given, "-device", f"virtio-blk-pci,drive={name},serial={name}"]

    def _console(self) -> str:
        texts = [path.read_text(errors="replace") for path in (self.folder / "said", self.folder / "console") if path.exists()]
        return " ".join("".join(texts).splitlines()[-20:])


@contextmanager
def machine(folder: Path, disks: Sequence[int], forwards: Sequence[int] = (), memory: int = 1024) -> Iterator[Machine]:
    """One that runs for a block."""
    made = Machine(folder, disks, forwards, memory)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
