# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing files whose content is a secret."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError


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


@contextmanager
def locked_by_another(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_folders_are_made_for_everybody_to_enter(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.make_open(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [files.mode(tmp_path / name) for name in ("a", "a/b")] == [0o755, 0o755]


def test_one_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with files.locked(tmp_path, "localhost", "use the authority"), pytest.raises(BlockingIOError), locked_by_another(tmp_path):
        pass
    with locked_by_another(tmp_path):
        pass


def test_another_run_in_the_folder_is_not_waited_for_without_end(tmp_path: Path) -> None:
    attempt = "use the authority"
    with locked_by_another(tmp_path), pytest.raises(StrongholdError) as failed, files.locked(tmp_path, "localhost", attempt, 0.2):
        pass
    assert str(failed.value) == (
        f"localhost: could not use the authority because another run uses {tmp_path} and did not end within 0.2 s; "
        "wait for its end, and run again."
    )
