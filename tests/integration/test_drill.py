# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold drill``: a base, the archive up to the next one, and that one, of a real set; equal, or told."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import bson
import pytest
from integration import ports
from integration.backups import PASSWORD, repository
from integration.harness import ROOT, until
from integration.past import Host, Past, lived, stored

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import bundle
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore import drill
from lab import binaries

PORT = ports.first(__file__)
MONGOD = binaries.mongod_tree("6.0.27") / "bin/mongod"
EARLIER = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return lived(tmp_path_factory.mktemp("past"), PORT)


@pytest.fixture(scope="module")
def oplog(past: Past) -> Path:
    return stored(past.home / "segments", past.segments.items())


@pytest.fixture
def host(past: Past, oplog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PATH", str(binaries.restic().parent), prepend=":")
    monkeypatch.setattr(locks, "_ROOTS", tmp_path / "locks")
    monkeypatch.setattr(drill, "_ARCHIVED", 0.0)
    monkeypatch.setattr(drill, "KNOWN", past.home / "segments-cache")
    settings = {
        "repository": str(past.home / "bases"),
        "oplog_repository": str(oplog),
        "password": PASSWORD,
        "mongod": str(MONGOD),
        "scratch": str(tmp_path),
        "scratch_in_clear": True,
        "metrics_file": str(tmp_path / "drill.prom"),
    }
    return Host(tmp_path, "drill", capsys, settings)


def outcomes(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((host.home / "outcomes.json").read_text())
    return found


def test_it_comes_back_as_it_was_once_a_week(host: Host, past: Past) -> None:
    place = Path("/dev/shm", f"stronghold-{os.getpid()}")  # noqa: S108 - memory
    code, told, failed = host.run(scratch_in_clear=False, scratch=str(place))
    assert failed == ""
    assert code == 0
    assert list(place.iterdir()) == []
    place.rmdir()
    assert told.startswith(f"restored the backup {past.first.id} to ")
    assert told.endswith(f"; it equals {past.second.id}\n")
    good = outcomes(host)["good"]
    assert good["operations"] > 50
    assert good["documents"] == sum(item.documents for item in past.first.items)
    metrics = (host.home / "drill.prom").read_text()
    assert "mongodb_drill_ok 1\n" in metrics
    assert f"mongodb_drill_duration_seconds {good['seconds']:g}\n" in metrics
    assert host.run() == (0, "", ""), "not due again"
    code, told, failed = host.run("status")
    assert failed == ""
    assert code == 0
    assert f" ago, took {good['seconds']} s, compared and equal\n" in told

    file = host.home / "outcomes.json"
    file.write_text(file.read_text().replace(good["at"], EARLIER))
    code, told, failed = host.run("status")
    assert code == 1
    assert "the last drill is" in failed


def test_where_there_is_one_backup_it_is_restored_alone(host: Host, past: Past) -> None:
    code, told, failed = host.run(repository=str(past.home / "alone"))
    assert failed == ""
    assert code == 0
    assert told.endswith("it was compared with nothing, as there is no other backup yet\n")
    assert outcomes(host)["good"]["operations"] > 50, "the archive reaches further"


def without_one(segment: Segment, path: Path, wanted: Callable[[dict[str, Any]], bool], home: Path) -> tuple[Segment, Path]:
    """The same segment, as of one that did not have an entry in its midst."""
    entries = bson.decode_all(path.read_bytes())
    lost = next(number for number, entry in enumerate(entries[1:-1], 1) if wanted(entry))
    data = b"".join(bson.encode(entry) for number, entry in enumerate(entries) if number != lost)
    (home / "altered").write_bytes(data)
    altered = replace(segment, entries=segment.entries - 1, size=len(data), sha256=sha256(data).hexdigest())
    return altered, home / "altered"


def test_one_missing_entry_is_noticed(host: Host, past: Past, tmp_path: Path) -> None:
    def wanted(entry: dict[str, Any]) -> bool:
        return entry["op"] == "i" and entry["ns"] == "shop.orders" and 100 < entry["o"]["_id"] < 120

    segments = dict(past.segments)
    holder = next(one for one in segments if any(wanted(entry) for entry in bson.decode_all(segments[one].read_bytes())[1:-1]))
    altered, path = without_one(holder, segments.pop(holder), wanted, tmp_path)
    lacking = stored(tmp_path / "lacking", [*segments.items(), (altered, path)])
    code, told, failed = host.run(oplog_repository=str(lacking))
    assert (code, told) == (1, "")
    reason = f"{past.first.id} and the oplog after it are not {past.second.id}: shop.orders has other documents"
    assert failed.startswith(f"{platform.node()}: could not drill a restore because {reason}; ")
    assert "mongodb_drill_ok 0\n" in (host.home / "drill.prom").read_text()
    code, _told, failed = host.run("status")
    assert code == 1
    assert reason in failed


def test_beyond_a_gap_nothing_is_compared(host: Host, past: Past, tmp_path: Path) -> None:
    lost = min((one for one in past.segments if one.last.at > past.first.consistent_at), key=lambda one: one.first)
    kept = [(one, path) for one, path in past.segments.items() if one != lost]
    code, told, failed = host.run(oplog_repository=str(stored(tmp_path / "gap", kept)))
    assert failed == ""
    assert code == 0
    assert "it was compared with nothing, as of the archive: the archive " in told


def test_it_goes_to_no_disk_in_clear(host: Host) -> None:
    code, told, failed = host.run(scratch_in_clear=False)
    assert (code, told) == (1, "")
    assert f"{host.home} is on a disk that is not encrypted" in failed


def test_no_room_is_told_before_anything_is_read(host: Host) -> None:
    small = host.home / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m,mode=700", "tmpfs", small], check=True)
    try:
        code, told, failed = host.run(scratch=str(small))
        assert (code, told) == (1, "")
        assert "MiB are wanted in" in failed
        assert "set mongodb_backup_scratch to a folder on an encrypted disk with more room" in failed
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.long
def test_killed_it_leaves_nothing_to_the_next(host: Host, past: Past) -> None:
    words = ["-c", bundle.MAIN, "drill", "run", "--config", str(host.write())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".tree")}
    process = subprocess.Popen([sys.executable, *words], env=environment)
    try:
        until(lambda: list((host.home / "drill/data").glob("collection-*")))
        time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert (host.home / "drill/data").exists()
    code, told, failed = host.run("run")
    assert failed == ""
    assert code == 0
    assert told.endswith(f"; it equals {past.second.id}\n")
    assert not (host.home / "drill").exists()


def test_a_server_of_another_series_is_told(host: Host) -> None:
    code, told, failed = host.run(mongod=str(binaries.mongod_tree("5.0.4") / "bin/mongod"))
    assert (code, told) == (1, "")
    assert "the server there is a 5.0.4, and the backup is of a 6.0.27; restore into one of the same series." in failed


def test_a_backup_of_less_than_all_is_no_base(host: Host, tmp_path: Path) -> None:
    repository(tmp_path, "empty")
    code, told, failed = host.run(repository=str(tmp_path / "empty"))
    assert (code, told) == (1, "")
    assert "there is no backup yet; run 'stronghold backup run'." in failed


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"scratch": "scratch"}, "scratch is no absolute path"),
        ({"scratch": 0}, "scratch is no absolute path"),
        ({"scratch_in_clear": "false"}, "scratch_in_clear is neither true nor false"),
        ({"mongod": ""}, "mongod is not the name of a program"),
        ({"password": 2024}, "the password is no text of at least 16 characters"),
        ({"oplog_repository": "segments"}, "a repository is neither an absolute path nor a URL of restic"),
        ({"later": True}, "it knows no later"),
    ],
)
def test_settings_of_another_kind_are_refused(host: Host, settings: dict[str, Any], reason: str) -> None:
    code, told, failed = host.run(**settings)
    assert (code, told) == (1, "")
    assert reason in failed


def test_one_repository_for_both_is_refused(host: Host) -> None:
    """What looks after one of them would drop what is the other's."""
    code, _told, failed = host.run(oplog_repository=host.settings["repository"])
    assert code == 1
    assert "backups and the oplog are in one and the same repository; correct them" in failed


@pytest.mark.long
def test_two_at_once_are_one_and_the_other_leaves_no_trace(host: Host) -> None:
    with locks.held(locks.DRILL, "here", "drill a restore"):
        code, told, failed = host.run("run")
    assert (code, told) == (1, "")
    assert " is at it since " in failed
    assert not (host.home / "outcomes.json").exists()
