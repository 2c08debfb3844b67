# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold backup`` on a backup host: every day by itself, and what people ask of it."""

from __future__ import annotations

import json
import platform
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.backups import PASSWORD, set_of_one
from integration.harness import Mongod
from unit.clock import set_clock

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import program
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository import manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from lab import binaries

PORT = ports.first(__file__)


def _sentence(told: str, remedy: str = "see 'journalctl -u stronghold-backup', and run 'stronghold backup run'") -> str:
    return f"{platform.node()}: could not {told}; {remedy}."


@dataclass(frozen=True)
class Host:
    """A backup host below ``home``; ``port`` is of the only member."""

    home: Path
    port: int
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str, **settings: Any) -> tuple[int, list[str], list[str]]:
        """The exit code of ``stronghold backup WORDS``, the lines that it told, and the sentences of what failed."""
        address = f"127.0.0.1:{settings.pop('port', self.port)}"
        host, port = address.split(":")
        file = self.home / "backup.json"
        found = {
            "login": {"host": host, "port": int(port), "tls": False, "timeout": 2},
            "members": [address],
            "repository": str(self.home / "bases"),
            "password": PASSWORD,
            "metrics_file": str(self.home / "backup.prom"),
            **settings,
        }
        file.write_text(json.dumps(found))
        code = program.main(["backup", *words, "--config", str(file)])
        told = self.capture.readouterr()
        return code, told.out.splitlines(), told.err.splitlines()

    @property
    def restic(self) -> Restic:
        return opened(self.home)

    def ids(self) -> list[str]:
        """Of its backups, the newest first."""
        return [line.split()[0] for line in self.run("list")[1][1:]]

    def age(self, *days: float) -> None:
        """Have what is there arrived so many days ago, each snapshot of a manifest in turn, the oldest first."""
        record = self.home / "record.json"
        found = json.loads(record.read_text())
        snapshots = [one.id for one in self.restic.snapshots(manifest.TAG)]
        now = datetime.now(timezone.utc)
        for snapshot, ago in zip(snapshots, days):
            found["arrived"][snapshot] = (now - timedelta(days=ago)).isoformat()
        record.write_text(json.dumps(found))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with set_of_one(tmp_path_factory.mktemp("set"), PORT) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": number, "text": "some text " * 20} for number in range(500)])
        yield server


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(binaries.restic().parent), prepend=":")


@pytest.fixture
def host(server: Mongod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(locks, "_ROOTS", tmp_path / "locks")
    return Host(tmp_path, server.port, capsys)


@pytest.fixture(scope="module")
def grown(server: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's folder after a run, with two backups more of the same content."""
    home = tmp_path_factory.mktemp("grown")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", str(home))
        patch.setattr(locks, "_ROOTS", home / "locks")
        patch.setenv("PATH", str(binaries.restic().parent), prepend=":")
        settings = {
            "login": {"host": "127.0.0.1", "port": server.port, "tls": False},
            "members": [server.address],
            "repository": str(home / "bases"),
            "password": PASSWORD,
        }
        (home / "backup.json").write_text(json.dumps(settings))
        assert program.main(["backup", "run", "--config", str(home / "backup.json")]) == 0
        copies(home, 2)
    return home


def copies(home: Path, count: int) -> None:
    """So many backups more: manifests that name the streams of the first one."""
    restic = opened(home)
    for number in range(count):
        original = restic.snapshots(manifest.TAG)[0]
        with restic.dump(original.id, manifest.NAME) as chunks:
            found = json.loads(b"".join(chunks))
        with restic.save(manifest.NAME, manifest.TAG) as saving:
            saving.write(json.dumps({**found, "id": f"{found['id']}-{number}{secrets.token_hex(2)}"}).encode())


def opened(home: Path) -> Restic:
    (home / "password").write_text(PASSWORD)
    return Restic("vault-a", Place(str(home / "bases"), str(home / "password")))


@pytest.fixture
def old(grown: Path, host: Host) -> Host:
    """A host with three backups, a copy of that one."""
    shutil.copytree(grown, host.home, dirs_exist_ok=True)
    return host


def test_the_first_day_and_the_next(host: Host) -> None:
    assert host.run("status")[::2] == (1, [_sentence("find all backups well because there is no backup yet")])
    code, told, failed = host.run()
    assert (code, failed) == (0, [])
    (name,) = host.ids()
    assert told[0] == f"made the repository {host.home / 'bases'}"
    assert told[1].startswith(f"took the backup {name} of 127.0.0.1:{host.port}: ")
    assert told[2:] == [f"verified the backup {name}: all of it is as it was written"]
    code, told, failed = host.run("run")
    assert (code, failed) == (0, [])
    assert [line.split()[0] for line in told] == ["took"]  # verified within the week
    assert len(host.ids()) == 2
    told = host.run("list", "--json")[1]
    assert [one["id"] for one in json.loads("\n".join(told))] == host.ids()[::-1]
    refused = "could not run 'backup status' because it tells JSON of list alone; leave --json out."
    assert host.run("status", "--json")[2] == [f"{platform.node()}: {refused}"]
    code, told, failed = host.run("status")
    assert (code, failed) == (0, [])
    assert told[0].startswith(f"last base: {host.ids()[0]}, ")
    assert 'mongodb_backup_count{replica_set="shop"} 2\n' in (host.home / "backup.prom").read_text()


def test_a_person_takes_a_part(host: Host) -> None:
    assert host.run()[0] == 0
    (whole,) = host.ids()
    code, told, failed = host.run("run", "shop.orders")
    assert (code, failed) == (0, [])
    assert [line.split()[0] for line in told] == ["took"]
    part = next(name for name in host.ids() if name != whole)
    assert host.run("status")[1][0].startswith(f"last base: {whole}, ")
    (stream,) = [one for one in host.restic.snapshots(f"backup={part}") if one.paths == ("/small.archive",)]
    with host.restic.dump(stream.id, "small.archive") as chunks:
        assert b"some text" in b"".join(chunks)
    (refused,) = host.run("run", "nothing")[2]
    assert "could not take a backup because there is no database nothing that could be; correct the names" in refused


def test_what_has_had_its_time_goes_and_what_failed_is_swept(old: Host) -> None:
    old.age(3.2, 3.1, 3)
    ids = old.ids()
    with old.restic.save("photos", "holidays") as foreign:
        foreign.write(b"not ours")
    with old.restic.save("small.archive", "logical", "backup=failed") as saving:
        saving.write(b"half of a backup")
    old.run("verify", ids[2])
    record = old.home / "record.json"
    code, told, failed = old.run(keep={"daily": 1, "weekly": 0, "monthly": 0, "window": 1})
    assert (code, failed) == (0, [])
    assert told[1:] == [f"dropped the backup {ids[1]}"]  # the oldest is verified, the newest of the old is the window's
    assert old.ids()[1:] == [ids[0], ids[2]]
    assert saving.snapshot in {one.id[: len(saving.snapshot)] for one in old.restic.snapshots()}, "one that runs is no leftover"
    found = json.loads(record.read_text())
    stray, photos = (next(one for one in found["arrived"] if one.startswith(of.snapshot)) for of in (saving, foreign))
    found["arrived"].update({stray: "2026-01-01T00:00:00Z", photos: "2026-01-01T00:00:00Z"})
    record.write_text(json.dumps(found))
    assert old.run()[0] == 0
    assert {stray, photos} & {one.id for one in old.restic.snapshots()} == {photos}


def test_a_clock_that_jumps_stops_no_backup_and_drops_none(old: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is the last that was verified, the next one the window's, the newest that of yesterday."""
    old.age(3, 2.1, 1)
    before = old.ids()
    old.run("verify", before[2])
    keep = {"daily": 2, "weekly": 0, "monthly": 0, "window": 2}
    came: list[str] = []
    for days in (1, 0, -1, 0):
        with monkeypatch.context() as patch:
            set_clock(patch, timedelta(days=days))
            code, told, failed = old.run(keep=keep)
        assert (code, failed) == (0, [])
        assert not [line for line in told if line.startswith("dropped")]
        came += set(old.ids()) - {*before, *came}
    listed = {one["id"]: one for one in json.loads("\n".join(old.run("list", "--json")[1]))}
    assert {*before, *came} == set(listed)
    assert len(came) == 4
    now = datetime.now(timezone.utc)
    late, *right = (moments.parse(listed[name]["arrived"]) - now for name in came)
    assert late > timedelta(hours=12)
    assert max(map(abs, right)) < timedelta(hours=1), "also what came while the clock was behind"
    code, told, failed = old.run("status")
    assert (code, failed) == (0, [])
    assert told[0].startswith(f"last base: {came[-1]}, ")


def test_far_more_than_usual_does_not_go_at_once(old: Host) -> None:
    copies(old.home, 3)
    old.age(*(9 - 0.1 * number for number in range(6)))
    before = old.ids()
    code, _told, failed = old.run(keep={"daily": 1, "weekly": 0, "monthly": 0, "window": 1})
    assert code == 1
    assert [line.partition(";")[0] for line in failed] == [
        _sentence("drop old backups because 4 backups would go at once, and at most 3 are usual").partition(";")[0]
    ]
    assert old.ids()[1:] == before


def test_nothing_goes_on_a_day_without_a_backup(old: Host) -> None:
    old.age(9, 8.9, 8.8)
    before = old.ids()
    code, _told, failed = old.run(port=1, keep={"daily": 1, "weekly": 0, "monthly": 0, "window": 1})
    assert code == 1
    assert len(failed) == 1
    assert "could not find a member to read because none can be read (127.0.0.1:1: " in failed[0]
    assert old.ids() == before


def test_a_full_disk_is_told_and_the_next_run_goes_on(old: Host, server: Mongod) -> None:
    old.age(9, 8.9, 8.8)
    ids = old.ids()
    (old.home / "small").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", old.home / "small"], check=True)
    try:
        shutil.copytree(old.home / "bases", old.home / "small" / "bases")
        (old.home / "small" / "ballast").write_bytes(bytes(_free(old.home / "small")))
        keep = {"daily": 1, "weekly": 0, "monthly": 0, "window": 1}
        code, _told, failed = old.run(repository=str(old.home / "small" / "bases"), keep=keep)
        assert code == 1
        assert "there is no room left" in failed[0]
        (old.home / "small" / "ballast").unlink()
        code, _told, failed = old.run(repository=str(old.home / "small" / "bases"), keep=keep)
        assert (code, failed) == (0, [])
        listed = [line.split()[0] for line in old.run("list", repository=str(old.home / "small" / "bases"))[1][1:]]
        assert set(listed[1:]) < set(ids)
    finally:
        subprocess.run(["umount", old.home / "small"], check=True)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def test_a_flipped_bit_is_found_and_nothing_goes(old: Host) -> None:
    packs = sorted((old.home / "bases" / "data").rglob("*/*"), key=lambda path: path.stat().st_size)
    largest = packs[-1]
    data = bytearray(largest.read_bytes())
    data[len(data) // 3] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(data)
    code, _told, failed = old.run("verify", old.ids()[-1])
    assert code == 1
    assert "restore from another" in failed[0]


def test_what_is_no_backup_is_told_and_the_others_stay(old: Host) -> None:
    before = old.ids()
    with old.restic.save(manifest.NAME, manifest.TAG) as saving:
        saving.write(b'{"format": 1}')
    code, told, failed = old.run("list")
    assert code == 1
    assert len(failed) == 1
    assert [line.split()[0] for line in told[1:]] == before
    code, told, failed = old.run()
    assert (code, len(failed)) == (1, 1)
    assert told[0].startswith("took the backup ")


def test_another_password_opens_nothing_and_harms_nothing(old: Host) -> None:
    code, told, failed = old.run(password=f"not the {PASSWORD}")
    assert (code, told) == (1, [])
    assert "the password is another one" in failed[0]
    assert PASSWORD not in " ".join(failed)
    assert old.run("verify")[0] == 0


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"password": "short"}, "the password is no text of at least 16 characters"),
        ({"password": 1234567890123456}, "the password is no text of at least 16 characters"),
        ({"members": []}, "there are no members"),
        ({"repository": "bases"}, "a repository is neither an absolute path nor a URL of restic"),
        ({"keep": {"daily": "7"}}, "daily of keep is no whole number, or below 0"),
        ({"keep": {"daily": True}}, "daily of keep is no whole number, or below 0"),
        ({"keep": {"hourly": 7}}, "keep knows no hourly"),
        ({"environment": "A=b"}, "environment is no object"),
    ],
)
def test_settings_that_cannot_be_are_refused(host: Host, settings: dict[str, Any], reason: str) -> None:
    assert host.run(**settings) == (
        1,
        [],
        [_sentence(f"accept the settings of the command backup because {reason}", "correct them")],
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["verify", "nothing"], "verify nothing because there is none of that name; see 'stronghold backup list'."),
        (["delete"], "run 'backup delete' because it knows list, run, status, verify; see 'stronghold --help'."),
    ],
)
def test_what_people_ask_in_vain(old: Host, words: list[str], sentence: str) -> None:
    assert old.run(*words) == (1, [], [f"{platform.node()}: could not {sentence}"])
