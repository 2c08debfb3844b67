# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that reads what this process writes, as long as it lasts.

Whoever reads a pipe takes its end for the end of the data. So a program whose writer fails is killed before its input ends: what
it has got is not all, and it must not come to think so.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import (
    Output,
    Program,
    environment_of,
    found,
    not_run,
    open_pipe,
)


class Feed:
    """``write`` gives bytes. ``output`` is what the program said, once it has ended by itself; then ``failed`` tells how."""

    output: Output
    failed = False

    def __init__(self, program: Program, host: str, attempt: str, idle: float, said: tuple[IO[bytes], IO[bytes]]) -> None:
        self._program, self._host, self._attempt, self._idle, self._said = program, host, attempt, idle, said
        path = found(program, host, attempt)
        try:
            self._process = subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function,consider-using-with  # as in run
                [path, *program.words[1:]], stdin=subprocess.PIPE, stdout=said[0], stderr=said[1], env=environment_of(program)
            )
        except OSError as error:
            raise not_run(program, host, attempt, error) from error
        self._pipe = open_pipe(self._process.stdin)
        os.set_blocking(self._pipe.fileno(), False)

    def write(self, data: bytes) -> None:
        """All of ``data``. Raises StrongholdError where the program has ended, or took none of it for too long."""
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._pipe], [], self._idle)[1]:
                raise self._slow("took nothing")
            try:
                rest = rest[os.write(self._pipe.fileno(), rest) :]
            except BrokenPipeError as error:
                raise self._failure(self._wait()) from error

    def end(self) -> None:
        """Tell that all was written, and wait. Raises StrongholdError where it ends otherwise than with ``accept``."""
        self._pipe.close()
        code = self._wait()
        self.output = self._output(code)
        if code not in self._program.accept:
            raise self._failure(code)

    def kill(self) -> None:
        """Before its input ends, where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._pipe.close()

    def _wait(self) -> int:
        try:
            return self._process.wait(self._idle)
        except subprocess.TimeoutExpired:
            raise self._slow("did not end") from None

    def _slow(self, what: str) -> StrongholdError:
        reason = f"{self._program.name} {what} within {self._idle:g} s"
        return StrongholdError(self._host, self._attempt, reason, self._program.slow)

    def _failure(self, code: int) -> StrongholdError:
        self.output, self.failed = self._output(code), True
        return StrongholdError(self._host, self._attempt, *self._program.explain(self.output))

    def _output(self, code: int) -> Output:
        for file in self._said:
            file.seek(0)
        return Output(self._program.name, self._said[0].read(), self._said[1].read(), code)


@contextmanager
def feed(program: Program, *, host: str, attempt: str, idle: float) -> Iterator[Feed]:
    """Run ``program`` for a block that writes its input; ``idle`` is how long, in seconds, it may take nothing, or need to end.

    Its input ends when the block does. Where the block raises, the program is killed first. Raises StrongholdError.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        fed = Feed(program, host, attempt, idle, (stdout, stderr))
        try:
            yield fed
            fed.end()
        finally:
            fed.kill()
