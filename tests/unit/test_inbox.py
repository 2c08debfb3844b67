# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inboxes: their settings, and when one is open."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox import intake
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.folder import OLD, Folder
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.quota import LEAST, Use, measured
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import accepted_inbox, accepted_intake

SECRET = "correct horse battery staple"  # noqa: S105 - of no server
INBOX: dict[str, Any] = {"name": "db1.example", "port": 8001, "password": SECRET, "quota": 1 << 30}
SERVED: dict[str, Any] = {"address": "192.0.2.5", "certificate_file": "/a.pem", "ca_file": "/ca.pem", "inboxes": [INBOX]}
TAKEN: dict[str, Any] = {"replica_set": "shop", "inboxes": [{"name": "db1", "key": SECRET, "quota": 1}], "password": SECRET[::-1]}


def test_settings_become_what_they_are() -> None:
    assert accepted_inbox(SERVED).inboxes[0].quota == 1 << 30
    settings = accepted_intake({**TAKEN, "keep": {"daily": 3}})
    assert (settings.keep.daily, settings.inboxes[0].name) == (3, "db1")


@pytest.mark.parametrize("name", ["", ".a", "-a", "a/b", "..", "a.aside", "a.new", 5, None, True, "a\n"])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(StrongholdError, match="is no name of an inbox"):
        accepted_inbox({**SERVED, "inboxes": [{**INBOX, "name": name}]})
    with pytest.raises(StrongholdError, match="is no name of an inbox"):
        accepted_intake({**TAKEN, "inboxes": [{"name": name, "key": SECRET, "quota": 1}]})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"address": "host"}, "address is no IP address"),
        ({"address": 5}, "address is no IP address"),
        ({"ca_file": None}, "ca_file is no absolute path"),
        ({"reserve": "false"}, "reserve is no whole number"),
        ({"inboxes": "db1"}, "inboxes is no list"),
        ({"inboxes": [5]}, "an inbox is not an object"),
        ({"inboxes": [{**INBOX, "port": True}]}, "the port of the inbox 'db1.example' is none"),
        ({"inboxes": [{**INBOX, "port": 65536}]}, "the port of the inbox 'db1.example' is none"),
        ({"inboxes": [{**INBOX, "quota": 0}]}, "is no whole number above 0"),
        ({"inboxes": [{**INBOX, "password": "short"}]}, "is no text of at least 16 characters"),
        ({"inboxes": [INBOX, {**INBOX, "name": "db2"}]}, "two inboxes have one port"),
        ({"inboxes": [INBOX, {**INBOX, "port": 8002}]}, "two inboxes have one name"),
    ],
)
def test_settings_of_another_kind_are_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(StrongholdError, match=reason):
        accepted_inbox({**SERVED, **changed})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"replica_set": 2024}, "replica_set is no name"),
        ({"repository": "rest:https://elsewhere/"}, "repository is no absolute path"),
        ({"metrics_file": False}, "metrics_file is no absolute path"),
        ({"password": SECRET}, "is the host's own password"),
        ({"keep": {"daily": "no"}}, "daily of keep is no whole number"),
        ({"reserve": True}, "reserve is no whole number"),
        ({"inboxes": [{"name": "db1", "key": SECRET, "quota": "no"}]}, "the quota of the inbox 'db1' is no whole number above 0"),
        ({"inboxes": [{"name": "db1", "key": 0, "quota": 1}]}, "is no text of at least 16 characters"),
    ],
)
def test_settings_of_an_intake_of_another_kind_are_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(StrongholdError, match=reason):
        accepted_intake({**TAKEN, **changed})


@pytest.mark.parametrize(
    ("use", "closed", "opens"),
    [
        (Use(100, 1000), False, True),
        (Use(101, 1000), False, False),
        (Use(95, 1000), True, False),
        (Use(90, 1000), True, True),
        (Use(0, 49), False, False),
        (Use(0, 52), False, True),
        (Use(0, 52), True, False),
    ],
)
def test_when_an_inbox_is_open(use: Use, closed: bool, opens: bool) -> None:
    assert (use.refusal(100, 50, closed=closed) is None) is opens


def test_empty_files_and_folders_take_room(tmp_path: Path) -> None:
    (tmp_path / "data" / "aa").mkdir(parents=True)
    (tmp_path / "data" / "aa" / "empty").touch()
    (tmp_path / "config").write_bytes(bytes(2 * LEAST))
    (tmp_path / "link").symlink_to("/")
    assert measured(tmp_path) == (2 + 1 + 2 + 1) * LEAST
    assert measured(tmp_path / "none") == 0


@pytest.mark.parametrize(
    ("ago", "of_today"),
    [
        (timedelta(), True),
        (timedelta(hours=22, minutes=59), True),
        (timedelta(hours=23), False),
        (-timedelta(minutes=1), False),
        (-timedelta(days=400), False),
    ],
)
def test_what_a_clock_dates_into_the_future_is_not_of_today(ago: timedelta, of_today: bool) -> None:
    """Or the vault would not be tended until then, and nothing be taken in of a member that has sent four."""
    assert intake._is_of_today(moments.text(time.time() - ago.total_seconds())) is of_today


@pytest.mark.parametrize(("seconds", "old"), [(0, False), (OLD - 60, False), (OLD, True), (60 - OLD, False), (-OLD - 60, True)])
def test_when_a_file_is_old(tmp_path: Path, seconds: float, old: bool) -> None:
    """Also where the clock was ahead when it was written: an inbox would never be made anew as long as that."""
    lock = tmp_path / "db1" / "locks" / "a"
    snapshot = tmp_path / "db1" / "snapshots" / "b"
    for path in (lock, snapshot):
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (time.time() - seconds,) * 2)
    folder = Folder(tmp_path, "db1", SECRET)
    assert (folder.is_in_use(), folder.is_being_written()) == (not old, not old)
    folder.tidy([])
    assert lock.exists() is not old
