# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the host, run alone and in a row."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import run as engine
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import (
    EXITS,
    Output,
    Program,
    find,
    pipeline,
    run,
    stream,
)

AT = {"host": "db-a", "attempt": "do it"}


def sh(script: str) -> Program:
    return Program(["sh", "-c", script])


def together(*programs: Program, timeout: float = 20) -> bytes:
    with pipeline(programs, timeout=timeout, **AT) as chunks:
        return b"".join(chunks)


def failure(work: Callable[[], object]) -> str:
    with pytest.raises(StrongholdError) as failed:
        work()
    return str(failed.value)


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def no_child_and_no_descriptor_is_left() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


class TestRun:
    def test_what_a_watch_raises_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine, "_WATCHED", 0.05)
        looks = []

        def look() -> None:
            looks.append(time.monotonic())
            if len(looks) > 2:
                raise StrongholdError("db-a", "do it", "enough is enough", "stop")

        assert "enough is enough" in failure(lambda: run(["sleep", "20"], timeout=20, watch=look, **AT))
        assert len(looks) == 3
        looks.clear()
        done = run(["sh", "-c", "cat; sleep 0.2; echo all"], timeout=20, stdin=b"x", watch=lambda: looks.append(0.0), **AT)
        assert done.text == "xall\n"
        assert looks
        assert "did not end within 0.2 s" in failure(lambda: run(["sleep", "20"], timeout=0.2, watch=lambda: None, **AT))

    def test_what_it_says(self) -> None:
        done = run(["sh", "-c", "cat; echo a complaint >&2"], timeout=10, stdin="ä".encode(), **AT)
        assert (done.text, done.complaint, done.code) == ("ä", "a complaint", 0)

    def test_it_speaks_english_and_finds_what_lies_in_sbin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        done = run(["sh", "-c", 'echo "$LC_ALL $PATH $MORE"'], timeout=10, environment={"MORE": "more"}, **AT)
        assert done.text == "C /usr/bin:/bin:/usr/sbin:/sbin more\n"
        assert find("ldconfig") in {"/usr/sbin/ldconfig", "/sbin/ldconfig"}

    def test_a_code_that_is_accepted_is_told(self) -> None:
        assert run(["sh", "-c", "exit 3"], timeout=10, accept=EXITS, **AT).code == 3

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("exit 3", "db-a: could not do it because sh ended with 3; mend the cause of that, and run again."),
            ("echo no >&2; echo way >&2; exit 1", "because sh says 'no way';"),
            ("kill -KILL $$", "because sh was ended by SIGKILL;"),
        ],
    )
    def test_its_failure_is_a_sentence(self, script: str, told: str) -> None:
        assert told in failure(lambda: run(["sh", "-c", script], timeout=10, **AT))

    def test_a_death_by_a_signal_is_no_exit_code(self) -> None:
        assert "SIGTERM" in failure(lambda: run(["sh", "-c", "kill $$"], timeout=10, accept=EXITS, **AT))

    def test_the_caller_may_know_better(self) -> None:
        def explain(output: Output) -> Refusal:
            return Refusal(f"the disk is full ({output.complaint}, {output.code})", "make room")

        said = failure(lambda: run(["sh", "-c", "echo E7 >&2; exit 2"], timeout=10, explain=explain, **AT))
        assert said == "db-a: could not do it because the disk is full (E7, 2); make room."

    def test_one_that_is_missing(self, tmp_path: Path) -> None:
        said = failure(lambda: run(["no-such-program"], timeout=10, missing="install the package x", **AT))
        assert said == "db-a: could not do it because no-such-program is not installed; install the package x."
        (tmp_path / "text").touch(mode=0o755)
        (tmp_path / "text").write_bytes(b"\x7fELF")
        assert "text cannot be run (Exec format error)" in failure(lambda: run([str(tmp_path / "text")], timeout=10, **AT))

    def test_a_slow_one_is_ended(self) -> None:
        begin = time.monotonic()
        said = failure(lambda: run(["sleep", "60"], timeout=0.2, slow="see the disk", **AT))
        assert said == "db-a: could not do it because sleep did not end within 0.2 s; see the disk."
        assert time.monotonic() - begin < 10


class TestStream:
    def test_more_than_fits_into_memory_at_once_comes_in_chunks(self) -> None:
        with stream(Program(["head", "-c", "50000000", "/dev/zero"]), timeout=20, **AT) as chunks:
            sizes = [len(chunk) for chunk in chunks]
        assert sum(sizes) == 50_000_000
        assert max(sizes) <= 1 << 16

    def test_it_reads_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"text")
        with (tmp_path / "in").open("rb") as source, stream(Program(["cat"]), timeout=10, source=source, **AT) as chunks:
            assert b"".join(chunks) == b"text"

    def test_a_complaint_of_any_length_does_not_stop_it(self) -> None:
        with stream(sh("head -c 5000000 /dev/zero >&2; echo done"), timeout=20, **AT) as chunks:
            assert b"".join(chunks) == b"done\n"

    def test_the_end_of_its_output_is_no_success_yet(self) -> None:
        seen: list[bytes] = []

        def read() -> None:
            with stream(sh("echo all; exec >&-; sleep 0.3; echo broken >&2; exit 4"), timeout=20, **AT) as chunks:
                seen.extend(chunks)

        assert "because sh says 'broken';" in failure(read)
        assert b"".join(seen) == b"all\n"

    def test_whoever_stops_early_ends_it(self) -> None:
        begin = time.monotonic()
        with stream(sh("echo first; exec sleep 60"), timeout=90, **AT) as chunks:
            assert next(chunks) == b"first\n"
        with pytest.raises(KeyError), stream(sh("echo first; exec sleep 60"), timeout=90, **AT) as chunks:
            raise KeyError(next(chunks))
        with stream(Program(["sleep", "60"]), timeout=90, **AT):
            pass
        assert time.monotonic() - begin < 10

    def test_one_that_does_not_heed_its_end_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ansible_collections.stronghold.mongodb.plugins.module_utils._base.run._GRACE", 0.3)
        begin = time.monotonic()
        with stream(sh("trap '' TERM; echo first; while :; do sleep 0.1; done"), timeout=90, **AT) as chunks:
            next(chunks)
        assert time.monotonic() - begin < 10

    def test_a_slow_one_is_ended(self) -> None:
        slow = Program(["sleep", "60"], slow="see the network")
        said = failure(lambda: together(slow, timeout=0.2))
        assert said == "db-a: could not do it because sleep did not end within 0.2 s; see the network."

    def test_a_descendant_that_holds_its_complaints_is_not_waited_for(self) -> None:
        begin = time.monotonic()
        assert together(sh("sleep 3 >/dev/null & echo done"), timeout=60) == b"done\n"
        assert time.monotonic() - begin < 2


class TestPipeline:
    def test_each_reads_what_the_one_before_wrote(self) -> None:
        assert together(sh("echo one; echo two"), Program(["tr", "a-z", "A-Z"]), Program(["tail", "-n", "1"])) == b"TWO\n"

    def test_it_carries_any_amount(self) -> None:
        out = together(Program(["head", "-c", "20000000", "/dev/zero"]), Program(["cat"]), Program(["wc", "-c"]))
        assert int(out) == 20_000_000

    @pytest.mark.parametrize("repeat", range(5))
    @pytest.mark.parametrize(
        ("scripts", "cause"),
        [
            (("echo part; echo lost it >&2; exit 1", "cat >/dev/null; echo truncated >&2; exit 2"), "lost it"),
            (("echo lost it >&2; exit 1", "cat", "cat >/dev/null"), "lost it"),
            (("yes", "echo disk full >&2; exit 2"), "disk full"),
            (("yes", "cat", "read x; echo disk full >&2; exit 2"), "disk full"),
            (("yes", "cat", "read x; echo disk full >&2; exit 2", "cat"), "disk full"),
            (("yes || :; exit 141", "read x; echo disk full >&2; exit 2"), "disk full"),
            (("cat /dev/zero", "head -c 1 >/dev/null", "cat"), "sh ended before it had read all that sh wrote"),
            (("echo x", "cat >/dev/null; kill -KILL $$"), "SIGKILL"),
        ],
    )
    def test_the_one_that_failed_by_itself_is_named(self, scripts: tuple[str, ...], cause: str, repeat: int) -> None:
        assert cause in failure(lambda: together(*map(sh, scripts)))

    def test_a_program_that_complains_of_its_reader_is_not_the_cause(self) -> None:
        writer = sh("trap '' PIPE; yes; exit 1")  # yes says: standard output: Broken pipe
        assert "disk full" in failure(lambda: together(writer, sh("read x; echo disk full >&2; exit 2")))

    def test_one_that_waits_for_nothing_is_not_waited_for_after_a_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ansible_collections.stronghold.mongodb.plugins.module_utils._base.run._GRACE", 0.3)
        begin = time.monotonic()
        assert "no space" in failure(lambda: together(Program(["sleep", "60"]), sh("echo no space >&2; exit 1"), timeout=90))
        assert "lost" in failure(lambda: together(sh("echo lost >&2; exit 1"), sh("cat; exec sleep 60"), timeout=90))
        assert time.monotonic() - begin < 10

    def test_there_is_one_deadline_for_all(self) -> None:
        begin = time.monotonic()
        said = failure(lambda: together(sh("sleep 0.2; echo x; exec sleep 60"), sh("cat"), Program(["cat"]), timeout=0.5))
        assert "because sh | sh | cat did not end within 0.5 s" in said
        assert time.monotonic() - begin < 10

    def test_nothing_is_started_where_one_is_missing(self, tmp_path: Path) -> None:
        missing = Program(["no-such-program"], missing="install it first")
        said = failure(lambda: together(Program(["touch", str(tmp_path / "begun")]), missing))
        assert said == "db-a: could not do it because no-such-program is not installed; install it first."
        assert list(tmp_path.iterdir()) == []

    def test_all_are_ended_where_one_cannot_be_started(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        broken.write_bytes(b"\x7fELF")
        broken.chmod(0o755)
        assert "broken cannot be run" in failure(lambda: together(Program(["sleep", "60"]), Program([str(broken)])))

    def test_a_reader_that_may_stop_early(self) -> None:
        writer = Program(["yes"], accept=(0, -13))
        assert together(writer, Program(["head", "-n", "1"])) == b"y\n"
