# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every benchmark does: describe the machine, time plays, write its page, and end with one line where it fails."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scenario.playbook import Run

from bench import machine, sides
from lab.shell import LabError

PAGES = sides.PROJECT / "docs" / "benchmarks"
OURS = Path(sys.executable).parent
Tasks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Timed:
    """A play. ``cpu`` are the seconds of processor time of the run and all that it started; other work hardly changes it."""

    changed: int
    seconds: float
    cpu: float


def main(benchmark: Callable[[], None]) -> None:
    try:
        benchmark()
    except LabError as error:
        sys.exit(f"bench: {error}")


def facts() -> dict[str, str]:
    """The machine as it is at the start, with a warning where something else runs on it."""
    found = machine.describe()
    machine.warn_if_busy()
    return found


def our_versions() -> dict[str, str]:
    return {"stronghold.mongodb": sides.our_version(), "ansible-core": version("ansible-core")}


def write(name: str, table: str, page: Callable[[str, str], str]) -> None:
    """Show the table, and have the page written: ``page`` makes it from today's date and the previous one."""
    print(table)
    path = PAGES / f"{name}.md"
    path.write_text(page(date.today().isoformat(), path.read_text() if path.exists() else ""))
    print(f"written to {path.relative_to(sides.PROJECT)}")


def play(
    scratch: Path,
    programs: Path,
    tasks: Tasks,
    variables: Mapping[str, Any] | None = None,
    within: Sequence[str] = (),
) -> Timed:
    """Time ansible-playbook of the folder ``programs`` from start to exit, with a play on this machine.

    ``within`` is a command that runs another one elsewhere, such as in a network namespace. The environment has nothing of this
    process's Ansible and Python; ours finds the collection.
    """
    book, given, config = (scratch / name for name in ("play.json", "variables.json", "ansible.cfg"))
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]))
    given.write_text(json.dumps({**(variables or {}), "ansible_python_interpreter": str(programs / "python")}))
    config.touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))}
    collections = {"ANSIBLE_COLLECTIONS_PATH": str(sides.PROJECT / ".tree")} if programs == OURS else {}
    spent, begin = _cpu(), time.monotonic()
    done = subprocess.run(
        [*within, str(programs / "ansible-playbook"), "-i", "localhost,", "-c", "local", "-e", f"@{given}", str(book)],
        env={**clean, **collections, "PATH": f"{programs}:{os.environ['PATH']}", "ANSIBLE_CONFIG": str(config)},
        cwd=scratch,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begin
    if done.returncode:
        raise LabError(f"the play failed:\n{done.stdout[-4000:]}")
    return Timed(sum(Run(0, done.stdout, seconds).changed.values()), seconds, _cpu() - spent)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
