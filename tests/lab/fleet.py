# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet: hosts in zones, one subnet per zone; zones can be cut off and hosts killed.

A fleet is declared by a mapping::

    name: demo
    mongodb: "6.0"                    # group variables of the cluster may be added under vars
    hosts:
      db-a: {zone: a}                 # group mongodb, image debian-12 unless said otherwise
      vault-c: {zone: c, group: mongodb_backup, image: debian-13}
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab import images, kernel, mirror, network, podman
from lab.shell import CACHE, LabError, one_at_a_time, progress, run

LABS = CACHE / "labs"
START_TIMEOUT = 60


@dataclass
class Host:
    name: str
    zone: str
    address: str
    container: str
    group: str = "mongodb"
    image: str = "debian-12"
    vars: dict[str, Any] = field(default_factory=dict)


@dataclass
class Fleet:
    name: str
    slot: int
    hosts: list[Host]
    vars: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Folder of this fleet on the controller: state, SSH key, inventory, generated secrets."""
        return LABS / self.name

    @property
    def zones(self) -> list[str]:
        return list(dict.fromkeys(host.zone for host in self.hosts))

    def host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"the fleet {self.name} has no host {name}")

    def subnet(self, zone: str) -> str:
        return network.subnet(self.slot, self.zones.index(zone) + 1)

    @property
    def mirror_address(self) -> str:
        return network.address(self.slot, 0, 2)

    def save(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "fleet.json").write_text(json.dumps(asdict(self), indent=1))


def load(name: str) -> Fleet:
    file = LABS / name / "fleet.json"
    if not file.exists():
        raise LabError(f"there is no fleet {name}; 'lab up' makes one")
    data = json.loads(file.read_text())
    return Fleet(**{**data, "hosts": [Host(**host) for host in data["hosts"]]})


def up(declaration: Mapping[str, Any]) -> Fleet:
    """Start what is missing of the declared fleet; hosts that run are left alone."""
    name = declaration["name"]
    with one_at_a_time(LABS):
        fleet = load(name) if (LABS / name / "fleet.json").exists() else _declare(declaration)
        kernel.remember()
        network.admit()
    mirror.build()
    built = {image: images.ensure(image) for image in {"debian-12"} | {host.image for host in fleet.hosts}}
    if not (fleet.home / "id_ed25519").exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "stronghold-lab", "-f", fleet.home / "id_ed25519")
    network.create(fleet.name, "mirror", network.subnet(fleet.slot, 0))
    for zone in fleet.zones:
        network.create(fleet.name, zone, fleet.subnet(zone))
    _start_mirror(fleet, built["debian-12"])
    for host in fleet.hosts:
        _start(fleet, host, built[host.image])
    for host in fleet.hosts:
        wait(fleet, host)
    return fleet


def down(name: str) -> None:
    """Remove every trace of a fleet: containers, networks, rules and its folder."""
    if not (LABS / name / "fleet.json").exists():
        return
    fleet = load(name)
    heal(fleet)
    containers = [host.container for host in fleet.hosts] + [f"{name}-mirror"]
    podman.call("rm", "--force", "--ignore", "--time", "0", "--volumes", *containers)
    for zone in ["mirror", *fleet.zones]:
        network.remove(name, zone)
    with one_at_a_time(LABS):
        shutil.rmtree(fleet.home)
        if not any(LABS.iterdir()):
            network.dismiss()
            kernel.restore()


def kill(fleet: Fleet, *names: str) -> None:
    """End hosts at once, as a power cut does."""
    podman.call("kill", *[fleet.host(name).container for name in names])


def start(fleet: Fleet, *names: str) -> None:
    """Boot hosts that were killed."""
    for name in names:
        podman.call("start", fleet.host(name).container)
    for name in names:
        wait(fleet, fleet.host(name))


def remove(fleet: Fleet, name: str) -> None:
    """Take a host away with all that it holds; the others are left alone."""
    podman.call("rm", "--force", "--time", "0", "--volumes", fleet.host(name).container)


def reinstall(fleet: Fleet, name: str) -> None:
    """Put a bare host of the same name and address in the place of one, and forget the SSH key of the former."""
    host = fleet.host(name)
    podman.call("rm", "--force", "--ignore", "--time", "0", "--volumes", host.container)
    run("ssh-keygen", "-q", "-R", host.address, "-f", fleet.home / "known_hosts")
    _start(fleet, host, images.ensure(host.image))
    wait(fleet, host)


def cut(fleet: Fleet, *zones: str) -> None:
    """Drop all traffic between the named zones and the others."""
    network.cut(fleet.name, [fleet.subnet(zone) for zone in zones])


def heal(fleet: Fleet) -> None:
    network.heal(fleet.name)


def processor_seconds(fleet: Fleet) -> float:
    """What the hosts used since each of them booted."""
    told = podman.call("stats", "--no-stream", "--format", "{{.CPUNano}}", *[host.container for host in fleet.hosts])
    return sum(map(int, told.split())) / 1e9


def wait(fleet: Fleet, host: Host) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            with socket.create_connection((host.address, 22), timeout=2) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise LabError(f"{host.name} of {fleet.name} does not answer on port 22 at {host.address}")
        time.sleep(0.2)


def ssh(fleet: Fleet, name: str, command: str, *, check: bool = True) -> str:
    """Run a shell command on a host as root and return what it printed."""
    words = ["ssh", *ssh_options(fleet), f"root@{fleet.host(name).address}", command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise LabError(f"{name}: '{command}' ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def ssh_options(fleet: Fleet) -> list[str]:
    return [
        *("-i", str(fleet.home / "id_ed25519"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
        *("-o", f"UserKnownHostsFile={fleet.home}/known_hosts", "-o", "StrictHostKeyChecking=accept-new"),
    ]


def _declare(declaration: Mapping[str, Any]) -> Fleet:
    name = declaration["name"]
    taken = {load(folder.name).slot for folder in LABS.iterdir() if (folder / "fleet.json").exists()}
    slot = min(set(range(network.SLOTS)) - taken)
    zones = list(dict.fromkeys(host["zone"] for host in declaration["hosts"].values()))
    hosts = [
        Host(
            name=host_name,
            zone=host["zone"],
            address=network.address(slot, zones.index(host["zone"]) + 1, 10 + number),
            container=f"{name}-{host_name}",
            **{key: host[key] for key in ("group", "image", "vars") if key in host},
        )
        for number, (host_name, host) in enumerate(declaration["hosts"].items())
    ]
    fleet = Fleet(name, slot, hosts, dict(declaration.get("vars", {})))
    fleet.save()
    return fleet


def _start_mirror(fleet: Fleet, image: str) -> None:
    container = f"{fleet.name}-mirror"
    if _running(container):
        return
    podman.call(
        *("run", "--detach", "--replace", "--name", container, "--no-hosts", *podman.limits()),
        *("--network", network.name(fleet.name, "mirror"), "--ip", fleet.mirror_address),
        *("--volume", f"{mirror.build()}:/srv:ro", image),
        *("python3", "-m", "http.server", "--directory", "/srv", "80"),
    )


def _start(fleet: Fleet, host: Host, image: str) -> None:
    if _running(host.container):
        return
    if podman.exists("container", host.container):
        podman.call("start", host.container)
        return
    progress(f"starting {host.name} in zone {host.zone}")
    podman.call(
        *("run", "--detach", "--name", host.container, "--hostname", host.name, "--no-hosts", *podman.limits()),
        *("--systemd", "always", "--privileged", "--stop-signal", "SIGRTMIN+3"),
        *("--network", network.name(fleet.name, host.zone), "--ip", host.address),
        *(image, "/lib/systemd/systemd"),
    )
    key = (fleet.home / "id_ed25519.pub").read_text()
    script = "install -d -m 700 /root/.ssh && cat > /root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys"
    run(*podman.command("exec", "--interactive", host.container, "sh", "-c", script), stdin=key)


def _running(container: str) -> bool:
    return podman.exists("container", container) and podman.inspect("container", container)["State"]["Running"]
