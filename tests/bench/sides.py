# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two that are measured: which Ansible runs which playbook, and how the outcome is proved."""

from __future__ import annotations

import json
import os
import resource
import secrets
import subprocess
import sys
import sysconfig
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pymongo
import yaml
from scenario.playbook import SITE, TIMEOUT, Run

from lab import access, fleet, inventory
from lab.fleet import Fleet
from lab.shell import CACHE, LabError, progress, run

PROJECT = Path(__file__).resolve().parents[2]
CLUSTER = "bench"
ZONES = ("a", "b", "c")
PRIMARY, SECONDARY = 1, 2
PEER = CACHE / f"bench-peer-{sysconfig.get_python_version()}"


@dataclass(frozen=True)
class Side:
    name: str
    title: str
    programs: Path
    """The folder of ansible-playbook."""
    playbook: str
    versions: dict[str, str]
    prove: Callable[[Fleet], str]
    """Raises LabError unless the outcome is as it must be; returns the servers' version."""
    environment: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    unchanged: bool = False
    """Whether an unchanged re-run must change nothing to count."""


@dataclass(frozen=True)
class Cost:
    """Of one run, in seconds: from start to exit, and the processor time of ``ansible-playbook`` and of all hosts together."""

    wall: float
    controller: float
    hosts: float

    @property
    def processor(self) -> float:
        return self.controller + self.hosts


@dataclass(frozen=True)
class Measurement:
    first: Cost
    again: Cost
    changed_first: int
    changed_again: int
    server: str


@dataclass(frozen=True)
class Ansible:
    """Runs playbooks of one side against one fleet, with the settings that are equal on both sides and no others."""

    side: Side
    fleet: Fleet
    scratch: Path

    def run(self, playbook: str) -> Run:
        config = self.scratch / "ansible.cfg"
        config.write_text("[defaults]\nforks = 5\n")
        variables = self.scratch / "variables.json"
        variables.touch(mode=0o600)
        variables.write_text(json.dumps(self.side.variables))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        inventory_file = self.fleet.home / "inventory" / "hosts.yml"
        words = [str(self.side.programs / "ansible-playbook"), "-i", str(inventory_file), "-e", f"@{variables}"]
        begin = time.monotonic()
        done = subprocess.run(
            [*words, playbook],
            env={
                **clean,
                **self.side.environment,
                "PATH": f"{self.side.programs}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(config),
                "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.scratch / "ssh"),
            },
            cwd=self.scratch,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        result = Run(done.returncode, done.stdout, time.monotonic() - begin)
        if result.rc:
            raise LabError(f"the playbook of {self.side.title} failed:\n{result.output[-6000:]}")
        return result

    def disconnect(self) -> None:
        """Close the SSH connections that Ansible keeps: the next fleet may have the same addresses."""
        for socket in (self.scratch / "ssh").glob("*"):
            subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "closed"], capture_output=True, check=False)


def measure(side: Side) -> Measurement:
    """First converge and unchanged re-run on a fresh fleet, which is removed afterwards."""
    with _fresh(f"bench-{side.name}") as hosts, TemporaryDirectory() as scratch, ExitStack() as stack:
        ansible = Ansible(side, hosts, Path(scratch))
        stack.callback(ansible.disconnect)
        progress(f"{side.title}: first converge")
        first, of_first = _weighed(ansible)
        progress(f"{side.title}: {of_first.wall:.1f} s; unchanged re-run")
        again, of_again = _weighed(ansible)
        progress(f"{side.title}: {of_again.wall:.1f} s")
        changed = sum(again.changed.values())
        if side.unchanged and changed:
            raise LabError(f"the unchanged re-run of {side.title} changed something:\n{again.output[-6000:]}")
        server = side.prove(hosts)
    return Measurement(of_first, of_again, sum(first.changed.values()), changed, server)


def _weighed(ansible: Ansible) -> tuple[Run, Cost]:
    on_hosts = fleet.processor_seconds(ansible.fleet)
    here = _spent_here()
    done = ansible.run(ansible.side.playbook)
    return done, Cost(done.seconds, _spent_here() - here, fleet.processor_seconds(ansible.fleet) - on_hosts)


def _spent_here() -> float:
    """Processor seconds of all processes that this one has started and seen end."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def measure_repeatedly(side: Side, tries: int = 3) -> tuple[Measurement, int]:
    """The first measurement that succeeds, and how many failed before it."""
    for failed in range(tries):
        try:
            return measure(side), failed
        except LabError as error:
            progress(str(error))
    raise LabError(f"{side.title} failed {tries} times in a row")


@contextmanager
def _fresh(name: str) -> Iterator[Fleet]:
    fleet.down(name)
    hosts = {f"db-{zone}": {"zone": zone} for zone in ZONES}
    try:
        started = fleet.up({"name": name, "vars": {"mongodb_cluster_name": CLUSTER}, "hosts": hosts})
        inventory.write(started)
        yield started
    finally:
        fleet.down(name)


def our_version() -> str:
    return str(yaml.safe_load((PROJECT / "galaxy.yml").read_text())["version"])


def ours() -> Side:
    return Side(
        name="ours",
        title="stronghold.mongodb",
        programs=Path(sys.executable).parent,
        playbook=SITE,
        versions={"stronghold.mongodb": our_version(), "ansible-core": version("ansible-core")},
        prove=_prove_ours,
        environment={"ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".tree")},
        unchanged=True,
    )


def _prove_ours(hosts: Fleet) -> str:
    access.issue_operator(hosts)
    with ExitStack() as stack:
        return _prove({host.name: stack.enter_context(access.client(hosts, host)) for host in hosts.hosts})


def peer_versions(*packages: str) -> dict[str, str]:
    """Make the peer's environment: PyPI's newest ansible for this Python, and ``packages``. Returns what is in it."""
    if not (PEER / "bin/pip").exists():
        progress("making a virtual environment for community.mongodb")
        run(sys.executable, "-m", "venv", PEER)
    run(PEER / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "ansible", *packages)
    site = next(PEER.glob("lib/python3*/site-packages"))
    manifest = json.loads((site / "ansible_collections/community/mongodb/MANIFEST.json").read_text())
    listed = {package["name"]: package["version"] for package in json.loads(run(PEER / "bin/pip", "list", "--format", "json"))}
    return {
        "community.mongodb": manifest["collection_info"]["version"],
        **{name: listed[name] for name in ("ansible", "ansible-core")},
    }


def peer() -> Side:
    """community.mongodb as PyPI's newest ansible for this Python brings it, in an environment of its own."""
    versions = peer_versions()
    password = secrets.token_hex(16)

    def prove(hosts: Fleet) -> str:
        login: dict[str, Any] = {"username": "admin", "password": password, "serverSelectionTimeoutMS": 5000}
        with ExitStack() as stack:
            clients = {
                host.name: stack.enter_context(pymongo.MongoClient(host.address, directConnection=True, **login))
                for host in hosts.hosts
            }
            return _prove(clients)

    return Side(
        name="peer",
        title="community.mongodb",
        programs=PEER / "bin",
        playbook=str(Path(__file__).parent / "peer.yml"),
        versions=versions,
        prove=prove,
        variables={"bench_key": b64encode(secrets.token_bytes(567)).decode(), "bench_password": password},
    )


def _prove(clients: dict[str, pymongo.MongoClient[dict[str, Any]]]) -> str:
    """One primary, else secondaries, the same on every member, each of which lets the administrator in."""
    for name, client in clients.items():
        try:
            states = sorted(member["state"] for member in client.admin.command("replSetGetStatus")["members"])
        except pymongo.errors.PyMongoError as error:
            raise LabError(f"the administrator cannot ask {name}: {error}") from error
        if states != [PRIMARY] + [SECONDARY] * (len(clients) - 1):
            raise LabError(f"{name} sees members in the states {states}")
    return "/".join(sorted({str(client.server_info()["version"]) for client in clients.values()}))
