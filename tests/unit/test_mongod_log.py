# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.log import REASON_LENGTH, ServerLog, complaint

STORAGE = "[1795383036:645499][2118:0x7f2772d7d380], wiredtiger_open: config_check_search, 65: unknown configuration key: 'x'"
CAUSE = "WiredTiger error: wiredtiger_open: config_check_search, 65: unknown configuration key: 'x'"


def line(severity: str, text: str, number: int = 1, **attributes: Any) -> str:
    entry = {"s": severity, "c": "STORAGE", "id": number, "msg": text, "attr": attributes}
    return json.dumps(entry, separators=(",", ":")) + "\n"


BEGIN = line("I", "***** SERVER RESTARTED *****", 20698)
FAILED = line("E", "WiredTiger error", error=22, message=STORAGE)
ABORTED = line("F", "Fatal assertion", msgid=28561) + line("F", "\n\n***aborting after fassert() failure\n\n")
SERVICE = line("F", "Error creating service context", 20575, error="Location5579201: Unable to acquire security key[s]")
NO_KEY = (
    line(
        "I",
        "Read security file failed",
        20254,
        error={"code": 12, "codeName": "UnsupportedFormat", "errmsg": "invalid char in key file /etc/stronghold/keyfile: abc!!!"},
    )
    + SERVICE
)
# What a server writes to its standard output when it can write no more to its log.
FULL = (
    line("F", "Writing to log file failed, aborting application", 4522200, files=["/var/log/mongodb/mongod.log"])
    + 'BACKTRACE: {"backtrace":[{"a":"5630E73204B4","s":"_ZN5mongo18stack_trace"}]}\n'
    + '  Frame: {"a":"7FDF71FB48EC","b":"7FDF71EAB000","s":"__xmknodat","s+":"23C"}\n'
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        (line("I", "Shutting down"), ""),
        (FAILED + ABORTED, CAUSE),
        (line("E", "DBException", error="DBPathInUse: locked"), "DBException: DBPathInUse: locked"),
        (line("F", "Out of files"), "Out of files"),
        (line("E", "Odd", code=3), "Odd: {'code': 3}"),
        ("Unrecognized option: net.nonsense\ntry 'mongod --help' for more information\n", "Unrecognized option: net.nonsense"),
        ("two\n\n words  ", "words"),
        ("x" * 900, "x" * REASON_LENGTH),
        (NO_KEY, "Read security file failed: invalid char in key file /etc/stronghold/keyfile: abc!!!"),
        (line("E", "Security key size is out range", 20255, size=5) + SERVICE, "Security key size is out range: {'size': 5}"),
        (SERVICE, "Error creating service context: Location5579201: Unable to acquire security key[s]"),
        (FULL, "Writing to log file failed, aborting application: {'files': ['/var/log/mongodb/mongod.log']}"),
        ('{"t":{"$date":"2026-11-25T17:50:16.494+00:00"},"s":"I",  "c":"NETW', ""),
        ("  Frame: no error was logged\n", ""),
    ],
)
def test_the_cause_and_not_what_follows_from_it(text: str, told: str) -> None:
    assert complaint(text) == told


def test_only_the_latest_run_since_the_beginning_counts(tmp_path: Path) -> None:
    path = tmp_path / "mongod.log"
    path.write_text(BEGIN + line("E", "Old"))
    log = ServerLog(path)
    assert log.complaint() == ""
    with path.open("a") as stream:
        stream.write(line("E", "Words of the run that was stopped"))
    assert log.complaint() == ""
    with path.open("a") as stream:
        stream.write(BEGIN + line("E", "First attempt") + BEGIN + FAILED + ABORTED)
    assert log.complaint() == CAUSE


def test_a_server_that_could_write_no_log_tells_in_its_journal(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "mongod.log")
    assert log.complaint(FULL).startswith("Writing to log file failed")
    (tmp_path / "mongod.log").write_text(FAILED)
    assert log.complaint(FULL) == CAUSE


def test_a_log_that_is_new_or_was_rotated_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "mongod.log"
    log = ServerLog(path)
    assert log.complaint() == ""
    path.write_text(FAILED)
    assert log.complaint() == CAUSE
    path.write_text(FAILED * 9)
    longer = ServerLog(path)
    path.write_text(line("E", "After the rotation"))
    assert longer.complaint() == "After the rotation"
