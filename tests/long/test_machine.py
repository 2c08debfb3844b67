# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's machine: what other tests take for granted of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machine import Machine, machine
from lab.machine_image import MONGOD, PYTHON, SERVER
from lab.shell import LabError, run

ROOT = Path(__file__).resolve().parents[2]
DATA = "/srv/data"
VOLUME = """
set -e
pvcreate --quiet /dev/disk/by-id/virtio-disk0
vgcreate --quiet vg /dev/disk/by-id/virtio-disk0
lvcreate --quiet --yes --type thin-pool --size 1400m --name pool vg
lvcreate --quiet --yes --thin --virtualsize 1200m --name data vg/pool
mkfs.xfs -q /dev/vg/data
"""
START = f"""
set -e
mkdir -p {DATA}
mount /dev/vg/data {DATA}
{MONGOD} --dbpath {DATA} --bind_ip 127.0.0.1 --wiredTigerCacheSizeGB 0.25 --fork --logpath /var/log/mongod.log
"""
ASK = """
import sys
import pymongo
with pymongo.MongoClient(serverSelectionTimeoutMS=60000) as client:
    print(client.server_info()["version"], eval(sys.argv[1]))
"""
ERRORS = "ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With a server on a thin volume."""
    with machine(tmp_path_factory.mktemp("machine") / "one", [2000]) as made:
        made.run(VOLUME)
        made.run(START)
        yield made


def ask(one: Machine, what: str) -> list[str]:
    """The server's version, and what came of an expression with ``client``."""
    return one.run(f"{PYTHON}/bin/python", "-c", ASK, what).stdout.split()


def test_a_server_on_a_thin_volume_answers(one: Machine) -> None:
    assert one.run("lvs --noheadings --options pool_lv vg/data").stdout.strip() == "pool"
    assert one.run(f"findmnt --noheadings --output FSTYPE {DATA}").stdout.strip() == "xfs"
    assert ask(one, "client.shop.orders.insert_one({'_id': 1}).inserted_id") == [SERVER, "1"]


def test_restic_is_there_and_no_unit_failed(one: Machine) -> None:
    assert one.run("restic", "version").stdout.startswith("restic 0.14")
    assert one.run("systemctl --failed --plain --no-legend").stdout == ""


def test_its_python_runs_what_is_in_this_tree(one: Machine) -> None:
    one.put_collection()
    assert one.run(f"{PYTHON}/bin/python -I -c 'import {ERRORS} as errors; print(errors.__name__)'").stdout.strip() == ERRORS


def test_ansible_installs_the_program_there(one: Machine, tmp_path: Path) -> None:
    command = {
        "command": "expiry",
        "login": {"tls": False},
        "service": {"description": "Expiry"},
        "timer": {"calendar": "2100-01-01"},
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"one": one.variables}}}))
    module = ("-m", "stronghold.mongodb.mongodb_program", "-a", json.dumps({"commands": [command]}))
    run("ansible", "one", "-i", inventory, *module, env={"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree")})
    assert one.run("systemctl is-active stronghold-expiry.timer").stdout == "active\n"
    assert "expiry" in one.run("/opt/stronghold/bin/stronghold", "--help").stdout


def test_files_and_folders_go_there_and_back(one: Machine, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    program = there / "it's a program"
    program.write_bytes(b"#!/bin/sh\ncat\n" + bytes(range(256)))
    program.chmod(0o750)
    one.put(there, "/srv/a folder")
    one.put(program, "/srv/a folder/below/x y")
    one.get("/srv/a folder", tmp_path / "back")
    for copy in (tmp_path / "back" / program.name, tmp_path / "back" / "below" / "x y"):
        assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (program.read_bytes(), 0o750)


def test_what_fails_is_told_and_what_is_asked_for_is_passed_on(one: Machine) -> None:
    with pytest.raises(LabError, match="ended with 3:\nso it is"):
        one.run("echo so it is; exit 3")
    assert one.run("sleep", "60", check=False, timeout=1).returncode == 255
    assert one.run("cat", "/dev/stdin", "/no such file", stdin="a'b\n", check=False).stdout == "a'b\n"


def test_what_was_synced_survives_a_loss_of_power(one: Machine) -> None:
    w = "client.shop.get_collection('orders', write_concern=pymongo.WriteConcern(1, j=True))"
    ask(one, f"{w}.insert_many([{{'_id': number, 'data': 'x' * 10000}} for number in range(2, 2000)]).acknowledged")
    one.run("echo kept >/root/kept; sync /root/kept /root")
    before = one.run("cat /proc/sys/kernel/random/boot_id").stdout
    one.reset()
    assert one.run("cat /proc/sys/kernel/random/boot_id").stdout != before
    assert one.run("cat /root/kept").stdout == "kept\n"
    one.run(START)
    assert ask(one, "client.shop.orders.count_documents({})") == [SERVER, "1999"]


def test_what_does_not_come_up_tells_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "root.qcow2").write_text("no disk")
    with pytest.raises(LabError, match=r"(?s)does not come up:\n.*not in qcow2 format"), machine(tmp_path, []):
        pass


def test_what_does_not_come_up_in_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.machine._BOOTS", 1)
    with pytest.raises(LabError, match="does not come up"), machine(tmp_path, []):
        pass
    assert subprocess.run(["pgrep", "--full", str(tmp_path)], check=False, capture_output=True).returncode == 1
