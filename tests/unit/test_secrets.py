# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets on the controller: for their owner alone, out of repositories, whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.secrets import hold, kept, read
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import AuthorityFolder
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEEP = """
import os, signal, sys
from pathlib import Path
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.secrets import kept
real, left = os.{call}, {number}
def dying(*words, **more):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words, **more)
os.{call} = dying
kept(Path(sys.argv[1]), "first")
"""


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def committed(folder: Path) -> list[str]:
    """What git would take into a repository over ``folder``."""
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    return subprocess.run([*git, "ls-files"], check=True, capture_output=True, text=True).stdout.split()


def test_folders_are_made_for_the_owner_alone(tmp_path: Path, no_umask: None) -> None:
    hold(tmp_path / "a" / "b")
    assert [files.mode(tmp_path / name) for name in ("a", "a/b")] == [0o700, 0o700]


def test_where_the_authority_makes_the_folder_no_secret_is_committed(tmp_path: Path) -> None:
    secrets = tmp_path / ".stronghold" / "orders"
    AuthorityFolder(secrets / "authority", Subject("orders"), passphrase_file=secrets / "authority-passphrase").opened(NOW)
    kept(secrets / "expiry_password", "generated")
    assert (secrets / "authority-passphrase").exists()
    assert committed(tmp_path) == []


def test_a_folder_of_an_earlier_version_is_guarded_as_soon_as_it_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    folder.mkdir(mode=0o700)
    (folder / "admin_password").write_text("old\n")
    (folder / "admin_password").chmod(0o600)
    (folder / ".gitignore").touch()  # of a run that was killed
    assert kept(folder / "admin_password", "fresh") == "old"
    assert committed(tmp_path) == []


def test_an_authority_of_an_earlier_version_is_guarded(tmp_path: Path) -> None:
    folder = AuthorityFolder(tmp_path / "orders" / "authority", Subject("orders"), passphrase="given")  # noqa: S106
    folder.opened(NOW)
    for ignore in tmp_path.rglob(".gitignore"):
        ignore.unlink()
    folder.guard()
    assert committed(tmp_path) == []


@pytest.mark.parametrize("content", [None, b"mine\n"])
def test_what_is_not_a_folder_of_secrets_alone_is_left_as_it_is(tmp_path: Path, content: bytes | None) -> None:
    repository, common, own = tmp_path / "repository", tmp_path / "common", tmp_path / "own"
    for folder, mode in ((repository, 0o700), (common, 0o755), (own, 0o700)):
        folder.mkdir()
        folder.chmod(mode)
    (repository / ".git").mkdir()
    (own / ".gitignore").write_bytes(b"mine\n")
    for folder in (repository, common, own):
        if content and folder is not own:
            (folder / ".gitignore").write_bytes(content)
        kept(folder / "password", "fresh")
    assert [files.read(folder / ".gitignore") for folder in (repository, common, own)] == [content, content, b"mine\n"]


def test_a_link_is_refused_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    for target in (victim, tmp_path / "missing"):
        link = tmp_path / f"to-{target.name}"
        link.symlink_to(target)
        with pytest.raises(StrongholdError, match="is not a regular file"):
            kept(link, "fresh")
    assert victim.read_text() == "untouched"
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(("content", "mode", "reason"), [("x\n", 0o640, "others can read it"), ("\n", 0o600, "it is empty")])
def test_a_file_that_is_no_secret_is_refused(tmp_path: Path, content: str, mode: int, reason: str) -> None:
    path = tmp_path / "password"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(StrongholdError, match=reason):
        kept(path, "fresh")
    assert path.read_text() == content


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders" / "password"
    assert kept(path, "fresh", check=True) == "fresh"
    assert list(tmp_path.iterdir()) == []
    path.parent.mkdir(mode=0o700)
    path.write_text("old\n")
    path.chmod(0o600)
    assert kept(path, "fresh", check=True) == "old"
    assert list(path.parent.iterdir()) == [path]


def test_killed_anywhere_and_run_again_it_finishes(tmp_path: Path) -> None:
    """Killed at each call that changes something on the disk, in turn."""
    died = []
    for call in ("mkdir", "open", "fchmod", "replace", "fsync"):
        for number in range(1, 6):
            path = tmp_path / f"{call}-{number}" / "orders" / "password"
            died.append(killed(path, call, number))
            found = kept(path, "second")
            assert found in ("first", "second")
            assert read(path) == kept(path, "third") == found
            assert sorted(file.name for file in path.parent.iterdir()) == [".gitignore", "password"]
            assert files.mode(path) == 0o600
    assert died.count(True) > 10


def killed(path: Path, call: str, number: int) -> bool:
    """Whether ``kept`` came to the given use of a function of ``os``, at which its process dies."""
    script = KEEP.format(call=call, number=number)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, env=environment, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0
