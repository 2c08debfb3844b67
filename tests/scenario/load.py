# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The write load as a context: starts it on a host that the firewall admits, and collects its account."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from lab import access
from lab.fleet import Fleet, Host, ssh, ssh_options

SCRIPT = Path(__file__).with_name("write_load.py")
OUTPUT = "/root/write-load.json"
IDLE = "/root/idle.json"
PYTHON = "/opt/stronghold/venv/bin/python"
PAUSE = 0.03  # without one, the servers of a story were busier with its writes than with all else


@dataclass
class Account:
    """What the writer saw; filled when the load has stopped."""

    acknowledged: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    longest_gap: float = 0.0
    begin: float = 0.0
    moments: list[float] = field(default_factory=list)


@contextlib.contextmanager
def write_load(fleet: Fleet, host: str, pause: float = PAUSE) -> Iterator[Account]:
    """Write from ``host`` while the block runs, with ``pause`` seconds between two writes."""
    account = Account()
    with _program(fleet, host, SCRIPT, str(pause), OUTPUT):
        yield account
    result = json.loads(ssh(fleet, host, f"cat {OUTPUT}"))
    account.acknowledged, account.errors = result["acknowledged"], result["errors"]
    account.longest_gap = result["longest_gap"]
    account.begin, account.moments = result["begin"], result["moments"]


@contextlib.contextmanager
def idle_connections(fleet: Fleet, host: str, count: int) -> Iterator[dict[str, int]]:
    """``count`` connections from ``host`` to each member while the block runs; afterwards, how many were made and closed."""
    told: dict[str, int] = {}
    with _program(fleet, host, SCRIPT.with_name("idle.py"), str(count), IDLE):
        yield told
    told.update(json.loads(ssh(fleet, host, f"cat {IDLE}")))


@contextlib.contextmanager
def _program(fleet: Fleet, host: str, script: Path, option: str, output: str) -> Iterator[None]:
    names = ",".join(f"{member.name}:{access.port(fleet)}" for member in access.members(fleet))
    tls = "tls=true&tlsCAFile=/etc/stronghold/tls/ca.pem&tlsCertificateKeyFile=/etc/stronghold/tls/client.pem"
    replica_set = fleet.vars["mongodb_cluster_name"]
    # a client that gives a dead server up soon, instead of after the driver's twenty seconds
    impatient = "connectTimeoutMS=2000&heartbeatFrequencyMS=1000"
    uri = f"mongodb://{access.ADMIN}:{quote(access.password(fleet))}@{names}/?replicaSet={replica_set}&{impatient}&{tls}"
    ssh(fleet, host, f"rm -f {output} {output}.*")
    address = fleet.host(host).address
    words = ["ssh", *ssh_options(fleet), f"root@{address}", f"{PYTHON} - '{uri}' {option} {output}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin
        process.stdin.write(script.read_text())
        process.stdin.close()
        _await(fleet, host, f"{output}.started", 60)
        try:
            yield
        finally:
            ssh(fleet, host, f"touch {output}.stop")
            process.wait(timeout=90)


def stored(fleet: Fleet) -> set[int]:
    """The numbers that the set holds now, read from its primary."""
    with access.client(fleet, primary(fleet)) as client:
        return {document["_id"] for document in client.load.writes.find()}


def states(fleet: Fleet) -> dict[str, str]:
    """Member -> primary, secondary, other or down, each asked directly."""
    found = {}
    for host in access.members(fleet):
        with access.client(fleet, host, log_in=False, serverSelectionTimeoutMS=1500) as client:
            try:
                hello = client.admin.command("hello")
            except Exception:  # whatever it is, the member does not answer
                found[host.name] = "down"
                continue
        found[host.name] = "primary" if hello["isWritablePrimary"] else "secondary" if hello["secondary"] else "other"
    return found


def primary(fleet: Fleet, seconds: float = 30) -> Host:
    """The member that is primary, waited for while there is none."""
    deadline = time.monotonic() + seconds
    while True:
        found = states(fleet)
        for name, state in found.items():
            if state == "primary":
                return fleet.host(name)
        assert time.monotonic() < deadline, f"the set has no primary: {found}"
        time.sleep(0.3)


def settle(fleet: Fleet, seconds: float = 60) -> dict[str, str]:
    """Wait until there is one primary and every other member is a secondary."""
    deadline = time.monotonic() + seconds
    while True:
        found = states(fleet)
        if sorted(found.values()) == ["primary"] + ["secondary"] * (len(found) - 1):
            return found
        if time.monotonic() > deadline:
            told = [_said(fleet, name) for name, state in found.items() if state not in ("primary", "secondary")]
            raise AssertionError("\n".join([f"the set did not settle: {found}", *told]))
        time.sleep(0.5)


def _said(fleet: Fleet, host: str) -> str:
    """What a member and its host tell of themselves."""
    look = "uptime; systemctl is-system-running; systemctl --failed --plain --no-legend; systemctl status mongod -n 8 --no-pager"
    return f"{host}: {ssh(fleet, host, f'{look}; tail -n 4 /var/log/mongodb/mongod.log', check=False)}"


def _await(fleet: Fleet, host: str, path: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ssh(fleet, host, f"ls {path} 2>/dev/null", check=False):
        assert time.monotonic() < deadline, f"{path} did not appear on {host}"
        time.sleep(0.3)
