# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to run a program of this host: with a time limit, in English, and with a sentence where it fails.

Words are given one by one, no shell reads them. They are visible to every account of the host, so secrets go by ``stdin``.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Union

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError

EXITS = range(256)  # every exit code: the caller tells them apart. A death by a signal is none of them.
_SBIN = ("/usr/sbin", "/sbin")  # where a login shell of an ordinary account does not look
_MOST_TOLD = 500  # characters of a complaint in a sentence
_MOST_KEPT = 1 << 16  # bytes of a stage's standard error; what it said last counts
_CHUNK = 1 << 16
_GRACE = 5  # seconds that the other stages have after one has failed, and a stage to end when asked to
_WATCHED = 5.0  # seconds between two calls of a watch
_GLANCE = 0.05  # seconds between two looks at stages that have closed their output and still run

Source = Union[int, IO[bytes]]


@dataclass(frozen=True)
class Output:
    """What the program ``name`` said. ``code`` is its exit code, or the negative number of the signal that ended it."""

    name: str
    stdout: bytes
    stderr: bytes
    code: int

    @property
    def text(self) -> str:
        """Standard output; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def complaint(self) -> str:
        """Standard error in one line."""
        return " ".join(self.stderr.decode(errors="replace").split())

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        return f"{self.name} ended with {self.code}" if self.code >= 0 else f"{self.name} was ended by {_signal_name(-self.code)}"


Explain = Callable[[Output], Refusal]
Watch = Callable[[], object]


def complained(output: Output) -> Refusal:
    """Of a program that nothing more is known of: what it said, else how it ended."""
    said = output.complaint[:_MOST_TOLD]
    return Refusal(f"{output.name} says '{said}'" if said else output.ended, "mend the cause of that, and run again")


@dataclass(frozen=True)
class Program:
    """What to run: a program of the PATH or of the system's directories, or a path, and its arguments.

    ``environment`` is added to that of this process. ``accept`` are the exit codes that are no failure; ``explain`` tells of the
    others why, and what to do. ``missing`` is what to do where the program is not installed, ``slow`` where it takes too long.
    """

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    accept: Container[int] = (0,)
    explain: Explain = complained
    missing: str = "install it"
    slow: str = "see the load of the host, and run again"

    @property
    def name(self) -> str:
        return Path(self.words[0]).name


def find(program: str) -> str | None:
    """The path of a program; None where it is not installed."""
    return shutil.which(program, path=_search_path())


def run(
    words: Sequence[str],
    *,
    host: str,
    attempt: str,
    timeout: float,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    accept: Container[int] = (0,),
    explain: Explain = complained,
    missing: str = Program.missing,
    slow: str = Program.slow,
    identity: tuple[int, int] | None = None,
    folder: Path | None = None,
    watch: Watch | None = None,
) -> Output:
    """Run a program to its end; ``timeout`` is in seconds, the rest as in ``Program``.

    With ``identity``, uid and gid, it runs as that account, in no other group; ``folder`` is where it runs. ``watch`` is called
    every few seconds meanwhile; where it raises, the program is killed.
    Raises StrongholdError, with ``host`` and ``attempt``, where it is not installed, takes too long, or ends otherwise than
    with ``accept``.
    """
    program = Program(words, environment or {}, accept, explain, missing, slow)
    path = found(program, host, attempt)
    try:
        with (
            subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function  # the caller's words; no AnsibleModule here
                [path, *words[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment_of(program),
                cwd=folder,
                **_as(identity),
            ) as process
        ):
            try:
                stdout, stderr = _ended(process, stdin, timeout, watch)
            except BaseException:
                process.kill()
                raise
    except OSError as error:
        raise not_run(program, host, attempt, error) from error
    except subprocess.TimeoutExpired:
        raise StrongholdError(host, attempt, f"{program.name} did not end within {timeout:g} s", slow) from None
    output = Output(program.name, stdout, stderr, process.returncode)
    if output.code not in accept:
        raise StrongholdError(host, attempt, *explain(output))
    return output


def _ended(process: subprocess.Popen[bytes], stdin: bytes, timeout: float, watch: Watch | None) -> tuple[bytes, bytes]:
    """What it wrote. Raises TimeoutExpired, and what ``watch`` does."""
    deadline = time.monotonic() + timeout
    given: bytes | None = stdin  # communicate() takes it once
    while True:
        left = deadline - time.monotonic()
        try:
            return process.communicate(given, left if watch is None else min(left, _WATCHED))
        except subprocess.TimeoutExpired:
            if watch is None or left <= _WATCHED:
                raise
            watch()
            given = None


def _as(identity: tuple[int, int] | None) -> dict[str, Any]:
    return {"user": identity[0], "group": identity[1], "extra_groups": []} if identity else {}


@contextmanager
def stream(
    program: Program, *, host: str, attempt: str, timeout: float, source: Source = subprocess.DEVNULL
) -> Iterator[Iterator[bytes]]:
    """``pipeline`` of one program."""
    with pipeline([program], host=host, attempt=attempt, timeout=timeout, source=source) as chunks:
        yield chunks


@contextmanager
def pipeline(
    programs: Sequence[Program], *, host: str, attempt: str, timeout: float, source: Source = subprocess.DEVNULL
) -> Iterator[Iterator[bytes]]:
    """Run programs of which each reads what the one before it writes; yields what the last one writes, in chunks.

    The first one reads ``source``, a descriptor or an open file. ``timeout``, in seconds, is for all of them together, from
    here to the last one's end. The chunks end when all programs have ended well. Otherwise StrongholdError is raised there: of
    the first program that failed by itself, not of one that could no longer hand over its output because a later one had
    failed. Whoever leaves the block early ends the programs; none outlives the block.
    """
    running = _Pipeline(programs, host, attempt, timeout)
    try:
        running.start(source)
        yield running.chunks()
    finally:
        running.end()


@dataclass
class _Stage:
    program: Program
    process: subprocess.Popen[bytes]
    stderr: bytearray = field(default_factory=bytearray)

    @property
    def output(self) -> Output:
        return Output(self.program.name, b"", bytes(self.stderr), self.process.returncode)

    @property
    def failed(self) -> bool:
        code = self.process.poll()
        return code is not None and code not in self.program.accept

    @property
    def struck(self) -> bool:
        """Whether it ended because nobody read its output any more."""
        return self.failed and self.process.returncode in {-signal.SIGPIPE, 128 + signal.SIGPIPE}

    @property
    def complains_of_reader(self) -> bool:
        """The same of a program that does not let the signal end it."""
        return self.failed and b"broken pipe" in bytes(self.stderr).lower()


class _Pipeline:
    def __init__(self, programs: Sequence[Program], host: str, attempt: str, timeout: float) -> None:
        self._programs, self._host, self._attempt, self._timeout = programs, host, attempt, timeout
        self._deadline = time.monotonic() + timeout
        self._stages: list[_Stage] = []
        self._first: list[_Stage] = []
        self._ending = False

    def start(self, source: Source) -> None:
        paths = [found(program, self._host, self._attempt) for program in self._programs]
        incoming: Source = source
        for program, path in zip(self._programs, paths):
            try:
                process = subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function,consider-using-with  # as in run
                    [path, *program.words[1:]],
                    stdin=incoming,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment_of(program),
                )
            except OSError as error:
                raise not_run(program, self._host, self._attempt, error) from error
            if self._stages and self._stages[-1].process.stdout:
                self._stages[-1].process.stdout.close()  # so that it learns when its reader is gone
            self._stages.append(_Stage(program, process))
            incoming = open_pipe(process.stdout)

    def chunks(self) -> Iterator[bytes]:
        last = open_pipe(self._stages[-1].process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(last, selectors.EVENT_READ)
            for stage in self._stages:
                os.set_blocking(open_pipe(stage.process.stderr).fileno(), False)
                selector.register(open_pipe(stage.process.stderr), selectors.EVENT_READ, stage)
            reading = True
            while reading or any(stage.process.poll() is None for stage in self._stages):
                for key, _events in selector.select(self._wait()):
                    data = os.read(key.fd, _CHUNK)
                    if not data:
                        selector.unregister(key.fileobj)
                        self._ending = True  # a process is over a moment after its last descriptor was closed
                    if key.data is not None:
                        key.data.stderr[:] = (key.data.stderr + data)[-_MOST_KEPT:]
                    elif data:
                        yield data
                    else:
                        reading = False
        for stage in self._stages:
            _drain(stage)
        self._judge()

    def _wait(self) -> float:
        """Seconds until the next look. Raises StrongholdError when the time is over, or that of the others after a failure."""
        if self._look():
            self._deadline = min(self._deadline, time.monotonic() + _GRACE)
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._judge()
            names = " | ".join(program.name for program in self._programs)
            slow = next((stage for stage in self._stages if stage.process.poll() is None), self._stages[-1]).program.slow
            raise StrongholdError(self._host, self._attempt, f"{names} did not end within {self._timeout:g} s", slow)
        return min(left, _GLANCE) if self._first or self._ending else left

    def _look(self) -> bool:
        """Whether a failure is seen for the first time; then note who has failed by now."""
        if self._first or not any(stage.failed for stage in self._stages):
            return False
        # Anew, because of two that fail at once the later one of the row may have been seen alone.
        self._first = [stage for stage in self._stages if stage.failed]
        return True

    def _judge(self) -> None:
        """Raise StrongholdError for the program that is the cause of a failure, where there is one."""
        self._look()
        if not self._first:
            return
        for stage in self._stages:
            _drain(stage)
        cause = self._cause()
        refusal = cause.program.explain(cause.output)
        if cause.struck and cause is not self._stages[-1]:
            reader = self._stages[self._stages.index(cause) + 1].program.name
            refusal = Refusal(f"{reader} ended before it had read all that {cause.program.name} wrote", refusal.remedy)
        raise StrongholdError(self._host, self._attempt, *refusal)

    def _cause(self) -> _Stage:
        """Of those that failed first the first that did so by itself, else the one that left it without a reader."""
        last = self._stages[-1]
        for stage in self._first:
            lost_reader = stage.struck or (stage.complains_of_reader and stage is not self._first[-1])
            if stage is last or not lost_reader:
                return stage
        behind = self._stages[self._stages.index(self._first[-1]) + 1 :]
        return next((stage for stage in behind if stage.failed and (stage is last or not stage.struck)), self._first[-1])

    def end(self) -> None:
        """End what still runs, and leave no process and no descriptor behind."""
        with ExitStack() as stack:
            for stage in self._stages:
                stack.callback(_reap, stage.process)
            for stage in self._stages:
                for pipe in (stage.process.stdout, stage.process.stderr):
                    if pipe:
                        stack.callback(pipe.close)
            for stage in self._stages:
                if stage.process.poll() is None:
                    stage.process.terminate()
            stack.callback(_await_all, [stage.process for stage in self._stages])


def _await_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _GRACE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))


def _reap(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _drain(stage: _Stage) -> None:
    """What it said last; a descendant that still holds its standard error is not waited for."""
    pipe = stage.process.stderr
    with suppress(BlockingIOError, ValueError):
        while data := os.read(open_pipe(pipe).fileno(), _CHUNK):
            stage.stderr[:] = (stage.stderr + data)[-_MOST_KEPT:]


def open_pipe(end: IO[bytes] | None) -> IO[bytes]:
    """The end of a pipe that a process was started with."""
    if end is None:
        raise ValueError("it was started without a pipe")
    return end


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN))


def environment_of(program: Program) -> dict[str, str]:
    """Of the process that is to become ``program``."""
    return {**os.environ, "PATH": _search_path(), "LC_ALL": "C", **program.environment}


def found(program: Program, host: str, attempt: str) -> str:
    """The path of ``program``. Raises StrongholdError where it is not installed."""
    path = find(program.words[0])
    if path is None:
        raise StrongholdError(host, attempt, f"{program.words[0]} is not installed", program.missing)
    return path


def not_run(program: Program, host: str, attempt: str, error: OSError) -> StrongholdError:
    """The failure of a program that is there and cannot be started."""
    return StrongholdError(host, attempt, f"{program.words[0]} cannot be run ({error.strerror})", program.missing)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"the signal {number}"
