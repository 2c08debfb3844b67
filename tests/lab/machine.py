# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine with a kernel of its own, for what containers share: device-mapper and its volumes, mounts, a loss of power.

QEMU emulates its processor, so that it needs nothing of this machine but time: everything takes five to ten times as long.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lab.machine_image import PYTHON, SITE_PACKAGES, Image, image
from lab.shell import LabError, run

UTILS = "plugins/module_utils"
_ROOT = Path(__file__).resolve().parents[2]
_BOOTS = 400  # seconds
_KERNEL = "root=/dev/vda rw console=ttyS0 loglevel=4 systemd.show_status=1 mitigations=off audit=0 nokaslr TERM=dumb"
_OPTIONS = {
    "BatchMode": "yes",
    "IdentitiesOnly": "yes",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    "LogLevel": "ERROR",
    "ServerAliveInterval": "100",  # three times: who waits for a machine that hangs gives up after five minutes
}


@dataclass
class Machine:
    """Its files are in ``folder``; its blank disks, of ``disks`` MiB, are its ``/dev/disk/by-id/virtio-disk0`` and so on.

    ``forwards`` are ports of its loopback that are reached at the same ports of this one's. It reaches nothing outside. It dies
    with the thread that started it, if that is the main one.
    """

    folder: Path
    disks: Sequence[int]
    forwards: Sequence[int] = ()
    memory: int = 1024
    """MiB"""
    port: int = 0
    """Of its SSH on this machine's loopback, another one after each start."""
    image: Image = field(default_factory=image)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Up to where it answers. Raises LabError with the end of what its console told."""
        self._make_disks()
        self.port = _free_port()
        with (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(self._words(), stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        begin = time.monotonic()
        # What asks too early gets no answer at all, which says nothing about what asks later.
        while self.run("udevadm settle", check=False, timeout=5 + (time.monotonic() - begin) / 2).returncode:
            if self._process.poll() is not None or time.monotonic() > begin + _BOOTS:
                told = (self.folder / "console").read_text(errors="replace").splitlines()[-20:]
                raise LabError("the machine does not come up:\n" + "\n".join(told))
            time.sleep(0.5)
        for port in self.forwards:
            run(*self.ssh_words, "-O", "forward", "-L", f"127.0.0.1:{port}:127.0.0.1:{port}")

    def stop(self) -> None:
        """As a loss of power does: what was not synced may be lost, what was is not."""
        if self._process:
            self._process.kill()
            self._process.wait()
        (self.folder / "control").unlink(missing_ok=True)

    def reset(self) -> None:
        """Without power for a moment, then up again."""
        self.stop()
        self.start()

    def run(
        self, *words: str, check: bool = True, stdin: str | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """One word is a line for its shell, several are a command; root runs it.

        Raises LabError where it fails or takes longer than ``timeout`` seconds, unless ``check`` is false: then the status is 255
        where it took longer.
        """
        line = words[0] if len(words) == 1 else shlex.join(words)
        command = [*self.ssh_words, line]
        try:
            done = subprocess.run(command, input=stdin or "", capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            done = subprocess.CompletedProcess(command, 255, "", str(error))
        if check and done.returncode:
            raise LabError(f"the machine: '{line}' ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
        return done

    def put(self, source: Path, target: str) -> None:
        """A copy of a file as ``target``, or of what is in a folder in the folder ``target``."""
        to = shlex.quote(target)
        if source.is_dir():
            pack = ["tar", "-C", str(source), "--exclude=__pycache__", "--dereference", "-c", "."]
            _piped(pack, [*self.ssh_words, f"mkdir -p {to} && tar -C {to} --no-same-owner -x"])
        else:
            mode = f"{source.stat().st_mode & 0o777:o}"
            folder = shlex.quote(str(PurePosixPath(target).parent))
            _piped(["cat", str(source)], [*self.ssh_words, f"mkdir -p {folder} && cat >{to} && chmod {mode} {to}"])

    def get(self, source: str, target: Path) -> None:
        """A copy of what is in its folder ``source`` in the folder ``target``, which is made."""
        target.mkdir(parents=True)
        _piped([*self.ssh_words, f"tar -C {shlex.quote(source)} -c ."], ["tar", "-C", str(target), "--no-same-owner", "-x"])

    def put_collection(self) -> None:
        """Have its Python, ``machine_image.PYTHON``, import ``module_utils`` as in this tree."""
        self.put(_ROOT / UTILS, f"{SITE_PACKAGES}/ansible_collections/stronghold/mongodb/{UTILS}")

    @property
    def variables(self) -> dict[str, object]:
        """With which Ansible reaches it."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.image.key),
            "ansible_ssh_common_args": " ".join(_as_words(_OPTIONS)),
            "ansible_python_interpreter": f"{PYTHON}/bin/python",
        }

    @property
    def ssh_words(self) -> list[str]:
        """The command line to which words for its shell are added. All share one connection."""
        shared = {"ControlMaster": "auto", "ControlPersist": "yes", "ControlPath": str(self.folder / "control")}
        options = _as_words({**_OPTIONS, **shared})
        return ["ssh", "-F", "/dev/null", "-i", str(self.image.key), *options, "-p", str(self.port), "root@127.0.0.1"]

    def _make_disks(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "root.qcow2").exists():
            backing = ("-f", "qcow2", "-F", "qcow2", "-b", self.image.disk)
            run("qemu-img", "create", "-q", *backing, self.folder / "root.qcow2")
            for number, size in enumerate(self.disks):
                with (self.folder / f"disk{number}").open("wb") as blank:
                    blank.truncate(size << 20)

    def _words(self) -> list[str]:
        # Where QEMU is killed, this kernel still has all that went into a plain file, but not what QEMU kept of a qcow2's tables.
        drives = [self._drive("root", "file={}.qcow2,format=qcow2,cache=writeback")]
        drives += [
            self._drive(f"disk{number}", "file={},format=raw,cache=unsafe,discard=unmap") for number in range(len(self.disks))
        ]
        lasting = threading.current_thread() is threading.main_thread()
        return [
            *(("setpriv", "--pdeathsig", "KILL") if lasting else ()),
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "2"),
            *("-m", str(self.memory), "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initial), "-append", _KERNEL),
            *(word for drive in drives for word in drive),
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"),
            *("-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"),
        ]

    def _drive(self, name: str, options: str) -> list[str]:
        file = str(self.folder / name).replace(",", ",,")
        return ["-drive", f"if=none,id={name},{options.format(file)}", "-device", f"virtio-blk-pci,drive={name},serial={name}"]


@contextmanager
def machine(folder: Path, disks: Sequence[int], forwards: Sequence[int] = (), memory: int = 1024) -> Iterator[Machine]:
    """One that runs for a block."""
    made = Machine(folder, disks, forwards, memory)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _as_words(options: dict[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _piped(source: list[str], sink: list[str]) -> None:
    with subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as packed:
        done = subprocess.run(sink, stdin=packed.stdout, capture_output=True, check=False)
        _, said = packed.communicate()
    if packed.returncode or done.returncode:
        raise LabError(
            f"'{shlex.join(source)}' | '{shlex.join(sink)}' failed: {(said + done.stderr).decode(errors='replace')[-2000:]}"
        )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
