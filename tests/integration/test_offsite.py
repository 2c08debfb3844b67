# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold offsite``: copies of backups and of the oplog in repositories elsewhere, from which a restore is drilled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.backups import PASSWORD
from integration.past import Host, Past, lived, stored

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import offsite
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import TAG, SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import windows
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository import manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from lab import binaries
from lab.repetitions import todays

PORT = ports.first(__file__)
DAY = 24 * 3600
SUITES = todays(["bookworm", "trixie"])


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    past = lived(tmp_path_factory.mktemp("past"), PORT)
    stored(past.home / "segments", past.segments.items())
    return past


@pytest.fixture(params=SUITES)
def host(
    request: pytest.FixtureRequest,
    past: Past,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Host:
    """With repositories of its own, so that they can be altered."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PATH", str(binaries.restic(request.param).parent), prepend=":")
    monkeypatch.setattr(locks, "_ROOTS", tmp_path / "locks")
    monkeypatch.setattr(offsite, "_WORK", tmp_path / "work")
    monkeypatch.setattr(offsite, "KNOWN", past.home / "segments-cache")
    for name in ("bases", "segments"):
        shutil.copytree(past.home / name, tmp_path / name)
    settings = {
        "repository": str(tmp_path / "bases"),
        "oplog_repository": str(tmp_path / "segments"),
        "offsite": str(tmp_path / "there/bases"),
        "oplog_offsite": str(tmp_path / "there/segments"),
        "password": PASSWORD,
        "metrics_file": str(tmp_path / "offsite.prom"),
    }
    return Host(tmp_path, "offsite", capsys, settings)


def opened(host: Host, name: str) -> Restic:
    (host.home / "password").write_text(PASSWORD)
    return Restic("vault-a", Place(str(host.home / name), str(host.home / "password")))


def store(host: Host, name: str) -> SegmentStore:
    return SegmentStore(opened(host, name), host.home / "cache" / name, host.home / "work")


def test_of_the_copies_alone_all_comes_back(host: Host, past: Past) -> None:
    source, copy = opened(host, "bases"), opened(host, "there/bases")
    copy.make_like(source)
    copy.copy(source, [one.id for one in source.snapshots() if manifest.TAG not in one.tags][:1])
    assert look(copy, host.home / "none").backups == (), "half a copy is none"
    code, told, failed = host.run()
    assert failed == ""
    assert code == 0
    assert [line for line in told.splitlines() if "copied" in line] == [
        f"copied the backup {past.first.id}",
        f"copied the backup {past.second.id}",
    ]
    assert len(copy.snapshots()) == len(source.snapshots())
    assert host.run() == (0, "", "")
    assert len(opened(host, "there/segments").snapshots(TAG)) == len(past.segments)
    assert "mongodb_offsite_last_seconds " in (host.home / "offsite.prom").read_text()
    assert host.run("status")[1].startswith("last copied elsewhere: ")
    for name in ("bases", "segments"):
        shutil.rmtree(host.home / name)
    settings = {
        "repository": host.settings["offsite"],
        "oplog_repository": host.settings["oplog_offsite"],
        "password": PASSWORD,
        "mongod": str(binaries.mongod_tree("6.0.27") / "bin/mongod"),
        "scratch": str(host.home),
        "scratch_in_clear": True,
    }
    drilled = Host(host.home, "drill", host.capture, settings)
    code, told, failed = drilled.run()
    assert failed == ""
    assert told.endswith(f"; it equals {past.second.id}\n")


@pytest.mark.long
def test_what_goes_there_is_not_copied_again_and_what_goes_here_stays_there(host: Host, past: Past) -> None:
    assert host.run()[0] == 0
    copies = look(opened(host, "there/bases"), host.home / "none")
    record = host.home / "copies/record.json"
    found = json.loads(record.read_text())
    first = next(one.snapshot for one in copies.backups if one.manifest.id == past.first.id)
    found["arrived"][first] = "2026-01-01T00:00:00Z"
    record.write_text(json.dumps(found))
    keep = {"daily": 1, "weekly": 0, "monthly": 0, "window": 0}
    _code, told, failed = host.run(keep=keep)
    assert failed == ""
    assert told == f"dropped the backup {past.first.id}\n"
    assert host.run(keep=keep) == (0, "", "")
    left = opened(host, "there/bases")
    assert {tag for one in left.snapshots() for tag in one.tags if tag.startswith("backup=")} == {f"backup={past.second.id}"}

    bases = opened(host, "bases")
    bases.forget([one.id for one in bases.snapshots()])
    segments = opened(host, "segments")
    segments.forget([one.id for one in segments.snapshots()])
    assert host.run(keep=keep) == (0, "", "")
    assert [backup.manifest.id for backup in look(left, host.home / "none").backups] == [past.second.id]
    assert len(windows(store(host, "there/segments").segments())) == 1


@pytest.mark.long
def test_an_hour_replaces_its_minutes(host: Host, past: Past) -> None:
    assert host.run()[0] == 0
    here = store(host, "segments")
    assert here.compact(max(one.last.time for one in past.segments) + DAY) > 0
    assert host.run() == (0, "", "")
    there = store(host, "there/segments")
    assert len(opened(host, "there/segments").snapshots(TAG)) == len(opened(host, "segments").snapshots(TAG))
    assert there.segments() == here.segments()
    assert b"".join(path.read_bytes() for path in there.files(there.segments())) == b"".join(
        path.read_bytes() for path in here.files(here.segments())
    )


def test_elsewhere_that_cannot_be_reached_is_told(host: Host) -> None:
    code, told, failed = host.run(offsite="rest:http://127.0.0.1:9/")
    assert code == 1
    assert "it cannot be reached (rest:http://127.0.0.1:9/" in failed
    assert len(opened(host, "there/segments").snapshots(TAG)) > 0, "one does not wait for the other"
    code, told, failed = host.run("status")
    assert (code, told) == (1, "last copied elsewhere: not yet\n")
    assert "the last copy elsewhere failed (" in failed


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"offsite": "there"}, "a repository is neither an absolute path nor a URL of restic"),
        ({"offsite": 5}, "a repository is neither an absolute path nor a URL of restic"),
        ({"keep": {"daily": "no"}}, "daily of keep is no whole number, or below 0"),
        ({"keep": {"yearly": 1}}, "keep knows no yearly"),
    ],
)
def test_settings_of_another_kind_are_refused(host: Host, settings: dict[str, Any], reason: str) -> None:
    code, told, failed = host.run(**settings)
    assert (code, told) == (1, "")
    assert reason in failed


def test_a_copy_of_itself_is_refused(host: Host) -> None:
    code, _told, failed = host.run(offsite=host.settings["repository"])
    assert code == 1
    assert "two of the four repositories are one and the same" in failed
