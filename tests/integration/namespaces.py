# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with a kernel's network each, and real packets between them: network namespaces.

A database host with one link each to a declared client, a stranger and a container. Its /etc is an overlay, so
neither the rule set nor the files of the machine that runs the tests are touched.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from integration.harness import run_module

Result = TypeVar("Result")
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
WAIT = 0.4  # seconds without an answer after which a packet counts as dropped; the links are in memory
LONGEST = 0.9  # on a slow machine: a SYN that was dropped is sent again after one second (RFC 6298)
FILE = Path("/etc/stronghold/firewall.nft")
KNOCKING = re.compile(r"\tset _knocking_.*?\n\t}\n", re.DOTALL)


@dataclass
class Namespace:
    """A network namespace (and the mounts) of a process that sleeps."""

    pid: int

    @property
    def within(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--net", "--mount"]

    def sh(self, command: str, **options: Any) -> str:
        done = subprocess.run(
            [*self.within, "sh", "-euc", command], check=False, text=True, capture_output=True, timeout=30, **options
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inside(self, work: Callable[[], Result]) -> Result:
        """``work`` done by a thread in the namespace; sockets made there stay there."""

        def enter() -> Result:
            with Path(f"/proc/{self.pid}/ns/net").open() as handle:
                assert LIBC.setns(handle.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            return work()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(enter).result()

    def socket(self, address: str, source: str = "") -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self.inside(lambda: socket.socket(family, socket.SOCK_STREAM))
        made.settimeout(WAIT)
        if source:
            made.bind((source, 0))
        return made

    def connects(self, address: str, port: int = 27017, source: str = "", wait: float = WAIT) -> bool:
        """Whether a connection is made and answered, each within ``wait`` seconds."""
        with closing(self.socket(address, source)) as client:
            client.settimeout(wait)
            try:
                client.connect((address, port))
            except TimeoutError:
                return False
            return answered(client)


class Host(Namespace):
    """The database host: its module, its nft."""

    def allow(self, **arguments: Any) -> dict[str, Any]:
        return run_module("mongodb_allowlist", within=self.within, **arguments)

    def nft(self, *words: str, script: str = "") -> str:
        done = subprocess.run(
            [*self.within, "nft", *words], input=script, check=False, text=True, capture_output=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rules(self) -> str:
        """Without who was turned away meanwhile."""
        return KNOCKING.sub("", self.nft("--stateless", "list", "ruleset"))

    def peers(self) -> set[str]:
        """Who has a connection to the server, by what the server's own kernel knows."""
        lines = self.sh("ss -Hnt state established '( sport = :27017 )'").splitlines()
        return {line.split()[-1].rpartition(":")[0].strip("[]").removeprefix("::ffff:") for line in lines}

    def file(self) -> str:
        return self.sh(f"cat {FILE} 2>/dev/null || :")

    def state(self) -> tuple[str, str]:
        return self.rules(), self.sh(f"stat --format '%a %u %i %Y' {FILE} 2>/dev/null && cat {FILE} || :")


@dataclass
class Net:
    db: Host
    client: Namespace
    stranger: Namespace
    container: Namespace


def answered(client: socket.socket) -> bool:
    """Whether the server sends back what it is sent."""
    try:
        client.sendall(b"ping")
        return client.recv(4) == b"ping"
    except (TimeoutError, ConnectionError):
        return False


def serve(host: Namespace, *ports: int) -> list[socket.socket]:
    """Echo servers on all addresses of ``host``, each in a thread, until their sockets are closed."""

    def echo(client: socket.socket) -> None:
        with closing(client), suppress(ConnectionError):  # of a client that was shut out
            while data := client.recv(64):
                client.sendall(data)

    def accept(listener: socket.socket) -> None:
        try:
            while True:
                threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            return

    listeners = []
    for port in ports:
        listeners.append(
            host.inside(lambda port=port: socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True))
        )
        threading.Thread(target=accept, args=(listeners[-1],), daemon=True).start()
    return listeners


@contextmanager
def world(overlay: Path) -> Iterator[Net]:
    """Four hosts; ``overlay`` is an empty folder over which the database host's /etc is laid."""
    with ExitStack() as stack:

        def namespace(prepare: str) -> int:
            command = ["unshare", "--net", "--mount", "sh", "-euc", f"{prepare} ip link set lo up; echo ready; exec sleep 600"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout and process.stdout.readline() == "ready\n"
            return process.pid

        db = Host(
            namespace(
                f"mount -t tmpfs none {overlay}; mkdir {overlay}/upper {overlay}/work;"
                f"mount -t overlay -o lowerdir=/etc,upperdir={overlay}/upper,workdir={overlay}/work none /etc;"
                "rm -rf /etc/stronghold; mount -t tmpfs none /run;"
            )
        )
        others = [Namespace(namespace("")) for _ in range(3)]
        for index, other in enumerate(others, 1):
            db.sh(
                f"ip link add v{index} type veth peer name eth netns {other.pid};"
                f"ip address add 10.99.{index}.1/24 dev v{index}; ip address add fd99:{index}::1/64 dev v{index} nodad;"
                f"ip link set v{index} up"
            )
            addresses = (
                f"10.99.{index}.{last}/24 dev eth;ip address add fd99:{index}::{last}/64 dev eth nodad" for last in (2, 3, 4)
            )
            other.sh(
                "".join(f"ip address add {address};" for address in addresses)
                + f"ip link set eth up; ip route add default via 10.99.{index}.1"
            )
        db.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
        for listener in [*serve(db, 27017, 27018), *serve(others[2], 27017)]:
            stack.callback(listener.close)
        yield Net(db, *others)
