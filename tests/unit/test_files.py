# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing files whose content is a secret."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def test_a_secret_is_never_readable_by_others_while_it_is_written(
    tmp_path: Path, no_umask: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    change_owner = os.fchown

    def watched(descriptor: int, uid: int, gid: int) -> None:
        seen.append(os.fstat(descriptor).st_mode & 0o777)
        change_owner(descriptor, uid, gid)

    monkeypatch.setattr(os, "fchown", watched)
    path = tmp_path / "secret"
    files.write(path, b"x", 0o640)
    assert (seen, files.mode(path), path.read_bytes()) == ([0o600], 0o640, b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / ".secret.new").symlink_to(victim)
    files.write(tmp_path / "secret", b"x", 0o600)
    assert (victim.read_bytes(), (tmp_path / "secret").read_bytes()) == (b"untouched", b"x")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    assert files.read(tmp_path / "missing") is None
    with pytest.raises(ValueError, match="not a regular file"):
        files.read(tmp_path)


def lock_in_vain(folder: Path) -> bool:
    """Whether another process holds the lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_a_folder_that_is_made_is_locked_from_its_first_moment(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".b.new").mkdir()  # of a run that was killed
    with files.locked([folder]):
        assert lock_in_vain(tmp_path / "a")
        files.make_locked(folder)
        assert lock_in_vain(folder)
    assert not lock_in_vain(tmp_path / "a")


def test_a_folder_that_appears_while_the_one_above_is_waited_for_is_locked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tls"
    wait = fcntl.flock

    def another_run_makes_it(descriptor: int, operation: int) -> None:
        wait(descriptor, operation)
        folder.mkdir(exist_ok=True)

    monkeypatch.setattr(fcntl, "flock", another_run_makes_it)
    with files.locked([folder]):
        monkeypatch.undo()
        assert lock_in_vain(folder)
