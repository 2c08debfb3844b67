# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks by name: who holds them, who waits how long, and where they lie."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import TREE

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

HOLD = """
import sys
from pathlib import Path
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
locks.folder = lambda: Path(sys.argv[3])
sys.argv[0] = "/opt/stronghold/bin/stronghold"
with locks.held(sys.argv[2], "db-a", "wait"):
    print("held", flush=True)
    sys.stdin.readline()
"""
root = pytest.mark.skipif(os.geteuid() != 0, reason="makes files of other accounts")


@contextmanager
def other_run(name: str, folder: Path, argument: str = "backup") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    words = [sys.executable, "-c", HOLD, argument, name, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def refused(name: str = locks.BACKUP, timeout: float = 0) -> str:
    with pytest.raises(StrongholdError) as failed, locks.held(name, "db-a", "take a backup", timeout):
        pass
    return str(failed.value)


def test_the_one_that_holds_it_is_named(locks_folder: Path) -> None:
    with other_run(locks.BACKUP, locks_folder) as process:
        begin = time.monotonic()
        said = refused(timeout=0.3)
        assert 0.3 <= time.monotonic() - begin < 5
    assert re.fullmatch(
        rf"db-a: could not take a backup because the run {process.pid} \(stronghold backup\) is at it since "
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC and did not end within 0\.3 s; "
        rf"wait for its end, or end it, and run again \({re.escape(str(locks_folder))}/backup\)\.",
        said,
    )


@pytest.mark.parametrize("argument", ["--password=secret", "mongodb://u:secret@h", "/root/secret"])
def test_what_might_be_secret_is_not_told(locks_folder: Path, argument: str) -> None:
    with other_run(locks.BACKUP, locks_folder, argument):
        assert "secret" not in (locks_folder / "backup").read_text()
        assert "(stronghold) is at it" in refused()


def test_another_name_is_another_lock(locks_folder: Path) -> None:
    with other_run(locks.BACKUP, locks_folder), locks.held(locks.FIREWALL, "db-a", "load the rules", 0):
        pass


def test_the_lock_of_a_process_that_was_killed_is_free(locks_folder: Path) -> None:
    with other_run(locks.BACKUP, locks_folder) as process:
        process.kill()
        process.wait()
        with locks.held(locks.BACKUP, "db-a", "take a backup", 0):
            assert (locks_folder / "backup").read_text().startswith(f"{os.getpid()} ")


def test_it_is_waited_for(locks_folder: Path) -> None:
    with other_run(locks.BACKUP, locks_folder) as process:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
        with locks.held(locks.BACKUP, "db-a", "take a backup", 20):
            pass


def test_it_is_given_back_after_a_failure_and_names_nobody_then(locks_folder: Path) -> None:
    with pytest.raises(KeyError), locks.held(locks.BACKUP, "db-a", "take a backup"):
        raise KeyError
    assert (locks_folder / "backup").read_text() == ""
    with locks.held(locks.BACKUP, "db-a", "take a backup", 0):
        pass


def test_one_that_does_not_say_who_it_is(locks_folder: Path) -> None:
    with locks.held(locks.BACKUP, "db-a", "make the folder"):
        pass
    with (locks_folder / "backup").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert "because another run is at it and did not end within 0 s" in refused()


@pytest.mark.parametrize("umask", [0, 0o077])
def test_nobody_else_can_open_it(locks_folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with locks.held(locks.BACKUP, "db-a", "take a backup"):
            modes = [path.stat().st_mode & 0o777 for path in (locks_folder.parent, locks_folder, locks_folder / "backup")]
    finally:
        os.umask(before)
    assert modes == [0o755, 0o700, 0o600]


def test_a_folder_that_was_opened_to_others_is_closed(locks_folder: Path) -> None:
    locks_folder.mkdir(parents=True)
    locks_folder.chmod(0o777)
    locks_folder.parent.chmod(0o777)
    with locks.held(locks.BACKUP, "db-a", "take a backup"):
        assert locks_folder.stat().st_mode & 0o777 == 0o700
        assert locks_folder.parent.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda folder: os.chown(folder, 65534, -1), "locks belongs to the user 65534", marks=root),
        pytest.param(lambda folder: os.chown(folder.parent, 65534, -1), "stronghold belongs to the user 65534", marks=root),
        (lambda folder: (folder.rmdir(), folder.symlink_to("/tmp")), "locks is a link"),  # noqa: S108
        (lambda folder: (folder.rmdir(), folder.touch()), "locks is no folder"),
    ],
)
def test_a_folder_that_is_not_ours_is_refused(locks_folder: Path, make: Callable[[Path], object], reason: str) -> None:
    locks_folder.mkdir(parents=True)
    make(locks_folder)
    said = refused()
    assert re.fullmatch(rf"db-a: could not take a backup because \S+{reason}; remove it, and find out who made it\.", said)


def test_a_link_in_the_place_of_a_lock_is_not_followed(locks_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("untouched")
    locks_folder.mkdir(parents=True)
    (locks_folder / "backup").symlink_to(tmp_path / "victim")
    assert "backup cannot be opened (Too many levels of symbolic links)" in refused()
    assert (tmp_path / "victim").read_text() == "untouched"


@root
def test_root_keeps_them_under_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert locks.folder() == Path("/run/stronghold/locks")
    assert locks.path(locks.FIREWALL) == Path("/run/stronghold/locks/firewall")


def test_whoever_is_not_root_has_a_folder_of_his_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/4711")
    assert locks.folder() == Path("/run/user/4711/stronghold-4711/locks")
