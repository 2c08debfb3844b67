# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository, with the real restic of Debian 12 and of Debian 13."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError
from lab import binaries

LOCK = 64  # letters of its name
MARKER = b"Kanarienvogel"
DATA = random.Random(3).randbytes(300_000) + MARKER * 1000  # noqa: S311


OLDEST, NEWEST = "bookworm", "trixie"
on_both = pytest.mark.parametrize("suite", [OLDEST, NEWEST])


@pytest.fixture
def suite() -> str:
    """Where nothing depends on its version."""
    return OLDEST


@pytest.fixture
def place(suite: str, tmp_path: Path) -> Place:
    password = tmp_path / "password"
    password.write_text("correct horse battery staple")
    password.chmod(0o600)
    return Place(str(tmp_path / "repository"), str(password), program=str(binaries.restic(suite)))


@pytest.fixture
def restic(place: Place) -> Restic:
    made = Restic("vault-a", place)
    assert not made.exists()
    made.make()
    assert made.exists()
    return made


def with_other(restic: Restic, **changes: str) -> Restic:
    return Restic(restic.host, Place(**{**vars(restic.place), **changes}))


def save(restic: Restic, data: bytes = DATA, name: str = "a.archive", *tags: str) -> str:
    with restic.save(name, *tags) as saving:
        saving.write(data)
    return saving.snapshot


def content(restic: Restic, snapshot: str, name: str = "a.archive") -> bytes:
    with restic.dump(snapshot, name) as chunks:
        return b"".join(chunks)


def kind(failed: pytest.ExceptionInfo[RepositoryError]) -> Kind:
    return failed.value.kind


@on_both
def test_what_was_saved_is_read_and_listed(restic: Restic) -> None:
    first = save(restic, DATA, "a.archive", "logical", "backup=1")
    second = save(restic, b"{}", "manifest.json", "manifest")
    assert content(restic, first) == DATA
    assert content(restic, second, "manifest.json") == b"{}"
    listed = restic.snapshots()
    assert [(one.host, one.tags, one.paths) for one in listed] == [
        ("vault-a", ("logical", "backup=1"), ("/a.archive",)),
        ("vault-a", ("manifest",), ("/manifest.json",)),
    ]
    assert [one.id[:8] for one in restic.snapshots("logical", "backup=1")] == [first[:8]]
    assert restic.snapshots("logical", "backup=2") == []


def test_the_same_again_is_stored_once(restic: Restic) -> None:
    for expected in (range(300_000, 320_000), range(2000)):
        with restic.save("a.archive") as saving:
            saving.write(DATA)
        assert saving.added in expected


def test_what_was_dropped_is_gone_and_the_rest_stays_whole(restic: Restic) -> None:
    gone, kept = save(restic, os.urandom(100_000)), save(restic)
    before = size(restic)
    restic.forget([gone])
    restic.forget([])
    restic.prune()
    assert [one.id[:8] for one in restic.snapshots()] == [kept[:8]]
    assert size(restic) < before - 90_000
    restic.check(1, 1)
    assert content(restic, kept) == DATA


def size(restic: Restic) -> int:
    return sum(file.stat().st_size for file in Path(restic.place.url).rglob("*") if file.is_file())


@on_both
def test_a_writer_that_fails_saves_nothing(restic: Restic) -> None:
    with pytest.raises(ZeroDivisionError), restic.save("a.archive") as saving:
        saving.write(DATA)
        saving.write(bytes(1 // 0))
    assert restic.snapshots() == []


@on_both
def test_it_opens_with_a_second_password_and_with_the_first_one_still(restic: Restic, tmp_path: Path) -> None:
    saved = save(restic)
    (tmp_path / "other").write_text("that of somebody else")
    other = with_other(restic, password_file=str(tmp_path / "other"))
    with pytest.raises(RepositoryError):
        other.snapshots()
    restic.add_key(str(tmp_path / "other"))
    assert content(other, saved) == content(restic, saved) == DATA


@on_both
class TestTrouble:
    def test_another_password(self, restic: Restic, tmp_path: Path) -> None:
        (tmp_path / "other").write_text("wrong")
        with pytest.raises(RepositoryError, match="the password is another one") as failed:
            with_other(restic, password_file=str(tmp_path / "other")).snapshots()
        assert kind(failed) is Kind.PASSWORD

    def test_no_repository_also_when_something_is_saved(self, restic: Restic, tmp_path: Path) -> None:
        nowhere = with_other(restic, url=str(tmp_path / "nowhere"))
        for work in (nowhere.snapshots, lambda: save(nowhere)):
            with pytest.raises(RepositoryError, match="there is no repository") as failed:
                work()
            assert kind(failed) is Kind.ABSENT

    def test_one_that_is_there_is_not_made_anew(self, restic: Restic) -> None:
        saved = save(restic)
        with pytest.raises(RepositoryError, match="already"):
            restic.make()
        assert content(restic, saved) == DATA

    def test_a_server_that_is_away(self, restic: Restic) -> None:
        url = "rest:http://bob:Kanarienvogel@127.0.0.1:9/"
        with pytest.raises(RepositoryError, match="it cannot be reached") as failed:
            with_other(restic, url=url).snapshots()
        assert kind(failed) is Kind.AWAY
        assert MARKER.decode() not in str(failed.value)

    def test_a_backup_that_runs_locks_a_prune_out(self, restic: Restic) -> None:
        with restic.save("a.archive") as saving:
            saving.write(DATA)
            wait_for_lock(restic)
            with pytest.raises(RepositoryError, match="somebody else has it locked") as failed:
                restic.prune()
            assert kind(failed) is Kind.LOCKED
            restic.check(1, 1)
        assert content(restic, saving.snapshot) == DATA
        restic.prune()

    def test_a_process_that_was_killed_locks_nobody_out(self, restic: Restic) -> None:
        words = [restic.place.program, *restic.place.words(), "backup", "--stdin"]
        environment = {**os.environ, **restic.place.variables()}
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment) as process:
            wait_for_lock(restic)
            process.send_signal(signal.SIGKILL)
        locks = Path(restic.place.url) / "locks"
        assert any(locks.iterdir())
        restic.prune()
        assert not any(locks.iterdir())

    def test_a_disk_that_is_full(self, restic: Restic, small: Path) -> None:
        full = with_other(restic, url=str(small / "repository"))
        full.make()
        with pytest.raises(RepositoryError, match="there is no room left") as failed:
            save(full, random.Random(4).randbytes(12_000_000))  # noqa: S311
        assert kind(failed) is Kind.FULL

    def test_one_that_is_not_installed(self, restic: Restic) -> None:
        with pytest.raises(StrongholdError, match="no-restic is not installed; install the package restic"):
            with_other(restic, program="/usr/bin/no-restic").snapshots()


def wait_for_lock(restic: Restic) -> None:
    locks = Path(restic.place.url) / "locks"
    while not any(len(file.name) == LOCK for file in locks.iterdir()):  # a name that is longer is still being written
        pass


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


class TestProof:
    def test_one_flipped_bit_anywhere_is_found(self, restic: Restic) -> None:
        saved = save(restic)
        source = random.Random(5)  # noqa: S311
        restic.check(1, 1)
        for folder in ("data", "index", "snapshots"):
            for file in [file for file in (Path(restic.place.url) / folder).rglob("*") if file.is_file()]:
                whole = file.read_bytes()
                file.chmod(0o600)
                altered = bytearray(whole)
                altered[source.randrange(len(altered))] ^= 1 << source.randrange(8)
                file.write_bytes(altered)
                with pytest.raises(RepositoryError) as failed:
                    restic.check(1, 1)
                assert kind(failed) is Kind.DAMAGED, failed.value
                if folder == "snapshots":
                    with pytest.raises(StrongholdError):
                        content(restic, saved)
                file.write_bytes(whole)
        restic.check(1, 1)
        assert content(restic, saved) == DATA

    def test_nothing_is_readable_in_the_repository(self, restic: Restic) -> None:
        save(restic)
        files = [file for file in Path(restic.place.url).rglob("*") if file.is_file()]
        assert [file for file in files if MARKER in file.read_bytes()] == []
        (Path(restic.place.url) / "control").write_bytes(DATA)
        files = [file for file in Path(restic.place.url).rglob("*") if file.is_file()]
        assert [file.name for file in files if MARKER in file.read_bytes()] == ["control"]
