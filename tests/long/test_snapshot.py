# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold physical`` out of snapshots: its confined service on a machine with LVM, thin and not, XFS and ext4."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.backups import PASSWORD
from integration.harness import ROOT, until
from integration.transfers import ACCOUNTS, EACH, restored, transfers

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Catalogue, look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import verify
from lab import binaries
from lab.machine import Machine, machine
from lab.machine_image import MONGOD

PORTS = [ports.first(__file__) + number for number in range(3)]
PLAIN, THIN, CLASSIC = PORTS
FOLDERS = {PLAIN: "/srv/plain", THIN: "/srv/thin/deep", CLASSIC: "/srv/classic"}
PROGRAM = "/opt/stronghold/bin/stronghold"
RESTIC = f"RESTIC_PASSWORD='{PASSWORD}' restic --quiet --repo /srv/vault"
SNAPSHOTS = "lvs --noheadings --options lv_name @stronghold_files"
VOLUMES = """
set -e
pvcreate --quiet /dev/disk/by-id/virtio-disk0
vgcreate --quiet vg /dev/disk/by-id/virtio-disk0
lvcreate --quiet --yes --type thin-pool --size 1400m --name pool vg
lvcreate --quiet --yes --thin --virtualsize 1200m --name thin vg/pool
lvcreate --quiet --yes --size 1000m --name classic vg
mkfs.xfs -q /dev/vg/thin
mkfs.ext4 -q /dev/vg/classic
install -d -m 700 /srv/vault
"""
START = f"""
set -e
mkdir -p /srv/plain /srv/thin /srv/classic
mount /dev/vg/thin /srv/thin
mount /dev/vg/classic /srv/classic
mkdir -p /srv/thin/deep
for each in {" ".join(f"{port}:{folder}" for port, folder in FOLDERS.items())}; do
    {MONGOD} --replSet shop --bind_ip 127.0.0.1 --port ${{each%%:*}} --dbpath ${{each#*:}} \\
        --wiredTigerEngineConfigString 'log=(file_max=10MB)' --wiredTigerCacheSizeGB 0.25 --oplogSize 100 \\
        --fork --logpath /var/log/mongod-${{each%%:*}}.log >/dev/null
done
"""


@dataclass(frozen=True)
class Site:
    """Three members on one machine; ``home`` is a folder here."""

    machine: Machine
    home: Path

    def client(self, port: int) -> pymongo.MongoClient[dict[str, Any]]:
        return pymongo.MongoClient(f"127.0.0.1:{port}", directConnection=True)

    def choose(self, port: int) -> None:
        """Have that member be the one that is missed least."""
        with pymongo.MongoClient(f"127.0.0.1:{PLAIN}", replicaSet="shop") as client:
            config = client.admin.command("replSetGetConfig")["config"]
            for member in config["members"][1:]:
                member.update(hidden=member["host"].endswith(f":{port}"))
            config["version"] += 1
            client.admin.command("replSetReconfig", config)
        until(self.caught_up, 120)

    def caught_up(self) -> bool:
        with self.client(PLAIN) as client:
            members = client.admin.command("replSetGetStatus")["members"]
        states = {one["stateStr"] for one in members}
        return states == {"PRIMARY", "SECONDARY"} and len({one["optime"]["ts"] for one in members}) == 1

    def declare(self, port: int, **settings: object) -> None:
        """Install the program with its service for that member, by the module and over SSH, as the role does."""
        command = {
            "command": "physical",
            "login": {"login_host": "127.0.0.1", "login_port": port, "tls": False},
            "settings": {
                "db_path": FOLDERS[port],
                "vaults": [{"repository": "/srv/vault", "password": PASSWORD}],
                "method": "auto",
                **settings,
            },
            "service": {
                "description": "Files",
                "timeout": 3600,
                "background": True,
                "capabilities": ["CAP_DAC_READ_SEARCH"],
                "families": ["AF_INET", "AF_UNIX"],
                "writes": ["/srv/vault"],
                "volumes": True,
            },
            "timer": {"calendar": "*-*-* 00:00:00"},
        }
        play = [
            {"hosts": "all", "gather_facts": False, "tasks": [{"stronghold.mongodb.mongodb_program": {"commands": [command]}}]}
        ]
        (self.home / "play.json").write_text(json.dumps(play))
        (self.home / "hosts.json").write_text(json.dumps({"all": {"hosts": {"machine": self.machine.variables}}}))
        words = ["ansible-playbook", "-i", str(self.home / "hosts.json"), str(self.home / "play.json")]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree")}
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.machine.run("systemctl stop stronghold-physical.timer")

    def run(self) -> str:
        """As a person asks for it; what it told."""
        return self.machine.run(f"{PROGRAM} physical run", timeout=600).stdout

    def fails(self) -> str:
        """The same where it is to fail; what its service logged."""
        done = self.machine.run(f"{PROGRAM} physical run", timeout=600, check=False)
        assert done.returncode == 1, done.stdout
        return self.journal()

    def begin(self) -> None:
        """In the background, up to where the snapshot is mounted and read."""
        self.machine.run("mkdir -p /run/stronghold && touch /run/stronghold/physical.wanted")
        self.machine.run("systemctl start --no-block stronghold-physical")
        until(lambda: self.left() and self.machine.run("pgrep --full 'restic.* backup .'", check=False).stdout, 120)

    def journal(self) -> str:
        return self.machine.run("journalctl --unit stronghold-physical --output cat --no-pager | tail -n 20").stdout

    def left(self) -> str:
        return self.machine.run(SNAPSHOTS).stdout.strip()

    def restic(self) -> Restic:
        """Of a copy of the vault."""
        folder = self.home / f"vault-{time.monotonic_ns()}"
        self.machine.get("/srv/vault", folder)
        (self.home / "password").write_text(PASSWORD)
        return Restic("machine", Place(str(folder), str(self.home / "password"), program=str(binaries.restic())))

    def listed(self) -> Catalogue:
        return look(self.restic(), self.home / "none")

    def count(self) -> int:
        """Of the backups in the vault."""
        return len(json.loads(self.machine.run(f"{RESTIC} snapshots --no-lock --json --tag manifest").stdout) or [])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("machine")
    with machine(home / "machine", [3000], PORTS, memory=2048) as made:
        made.run(VOLUMES)
        made.run(START)
        made.run(f"{RESTIC} init")
        members = [{"_id": number, "host": f"127.0.0.1:{port}", "priority": int(not number)} for number, port in enumerate(PORTS)]
        with pymongo.MongoClient(f"127.0.0.1:{PLAIN}", directConnection=True) as client:
            client.admin.command("replSetInitiate", {"_id": "shop", "members": members})
            until(lambda: client.admin.command("hello")["isWritablePrimary"], 120)
        with pymongo.MongoClient(f"127.0.0.1:{PLAIN}", replicaSet="shop") as client:
            client.shop.files.insert_many([{"data": os.urandom(1 << 20)} for _ in range(40)])
        yield Site(made, home)


@pytest.fixture(autouse=True)
def nothing_is_left(site: Site) -> Iterator[None]:
    yield
    assert site.left() == ""
    assert site.machine.run("findmnt --noheadings /run/stronghold/snapshot", check=False).stdout == ""


@pytest.mark.parametrize("port", [THIN, CLASSIC])
def test_under_writes_the_files_hold_all_that_was_acknowledged_before(site: Site, tmp_path: Path, port: int) -> None:
    site.choose(port)
    site.declare(port)
    with transfers([f"127.0.0.1:{PLAIN}"]) as load:
        before = set(load.done)
        told = site.run()
        during = set(load.done) - before
    assert len(during) > 5
    assert "took the backup " in site.journal()
    assert "out of a snapshot" in site.journal()
    (taken,) = [one.manifest for one in site.listed().backups if one.manifest.id in told]
    assert (taken.method, taken.member) == ("snapshot", f"127.0.0.1:{port}")
    assert taken.cluster_time <= taken.consistent_at
    restic = site.restic()
    assert "mongod.lock" not in {Path(path).name for path in restic.files(taken.streams[0].snapshot)}
    verify(restic, taken)
    total, there = restored(restic, taken, tmp_path / "restored")
    assert total == ACCOUNTS * EACH
    assert before - there == set()
    assert "out of a snapshot" in site.machine.run(f"{PROGRAM} physical status").stdout
    assert site.machine.run("systemctl show stronghold-physical -P Result").stdout.strip() == "success"


def test_a_service_that_is_killed_leaves_no_snapshot(site: Site) -> None:
    site.choose(THIN)
    site.declare(THIN)
    known = site.count()
    site.begin()
    site.machine.run("systemctl kill --signal KILL stronghold-physical")
    until(lambda: site.machine.run("systemctl is-active stronghold-physical", check=False).stdout.strip() == "failed", 120)
    assert "removed the snapshot vg/stronghold-" in site.journal()
    assert site.left() == ""
    assert site.count() == known
    site.machine.run(f"{RESTIC} unlock")
    assert site.run().startswith("took ")


def test_after_a_power_cut_the_next_run_removes_it(site: Site) -> None:
    site.choose(THIN)
    site.declare(THIN)
    known = site.count()
    site.begin()
    site.machine.run("sync")
    site.machine.reset()
    assert site.left() != "", "it is on the disk"
    site.machine.run("find /srv -name mongod.lock -delete")
    site.machine.run(START)
    until(site.caught_up, 120)
    assert site.run().startswith("took ")
    assert "removed the snapshot vg/stronghold-" in site.journal()
    assert site.count() == known + 1


def test_a_snapshot_that_overflows_is_no_backup(site: Site) -> None:
    site.choose(CLASSIC)
    site.declare(CLASSIC)
    free = int(site.machine.run("vgs --noheadings --units m --nosuffix --options vg_free vg").stdout.split(".")[0])
    site.machine.run(f"lvcreate --quiet --yes --size {free - 120}m --name other vg")
    known = site.count()
    try:
        site.begin()
        site.machine.run("head -c 250M /dev/urandom > /srv/classic/junk; sync")
        until(lambda: site.machine.run("systemctl is-active stronghold-physical", check=False).stdout.strip() == "failed", 300)
    finally:
        site.machine.run("rm -f /srv/classic/junk; lvremove --quiet --yes vg/other")
    assert "could not " in site.journal()
    assert site.count() == known
    until(site.caught_up, 120)


def test_where_there_is_no_room_the_server_is_locked_or_it_is_refused(site: Site) -> None:
    site.choose(CLASSIC)
    free = int(site.machine.run("vgs --noheadings --units m --nosuffix --options vg_free vg").stdout.split(".")[0])
    site.machine.run(f"lvcreate --quiet --yes --size {free - 40}m --name other vg")
    try:
        site.declare(CLASSIC, method="snapshot")
        assert "a snapshot of vg/classic needs 104857600 bytes, and " in site.fails()
        site.declare(CLASSIC)
        assert site.run().startswith("took ")
        assert "has the server locked for this backup: a snapshot of vg/classic needs" in site.journal()
    finally:
        site.machine.run("lvremove --quiet --yes vg/other")
    with site.client(CLASSIC) as client:
        assert not client.admin.command("currentOp").get("fsyncLock")


def test_a_pool_that_is_nearly_full_gets_no_snapshot(site: Site) -> None:
    site.choose(THIN)
    site.declare(THIN, method="snapshot")
    site.machine.run("lvcreate --quiet --yes --thin --virtualsize 1400m --name full vg/pool")
    try:
        used = float(site.machine.run("lvs --noheadings --options data_percent vg/pool").stdout)
        site.machine.run(f"dd if=/dev/urandom of=/dev/vg/full bs=1M count={int((82 - used) * 14)} oflag=direct", timeout=600)
        assert "the pool of vg/thin is full to 8" in site.fails()
    finally:
        site.machine.run("lvremove --quiet --yes vg/full")


def test_files_on_no_volume(site: Site) -> None:
    site.choose(THIN)
    site.declare(THIN, method="snapshot", db_path="/srv/thin/deep/journal")
    assert "has its data in" in site.fails()
