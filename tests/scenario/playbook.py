# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the collection's playbook against a fleet, and reading what it did."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.fleet import Fleet

SITE = "stronghold.mongodb.site"
TIMEOUT = 900
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
# A result is printed on one line, or with -vvv and by the command ansible on several.
FAILURE = re.compile(r"^(?:fatal: \[.*?\]: FAILED!|failed: \[.*?\] \(item=.*?\)|\S+ \| FAILED!) => (?=\{)", re.MULTILINE)
TASK = re.compile(r"^TASK \[(?:stronghold\.mongodb\.\w+ : )?(.*?)\] \*", re.MULTILINE)


# Every host at once, output that can be read by a program, and facts under ansible_facts alone.
SETTINGS = {
    "ANSIBLE_FORKS": "10",
    "ANSIBLE_TIMEOUT": "30",
    "ANSIBLE_INJECT_FACT_VARS": "False",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_FORCE_COLOR": "0",
    "PY_COLORS": "0",
}


@dataclass
class Run:
    rc: int
    output: str
    seconds: float

    @property
    def changed(self) -> dict[str, int]:
        """Host -> number of changed tasks."""
        return {match[1]: int(match[3]) for match in RECAP.finditer(self.output)}

    @property
    def result(self) -> dict[str, Any]:
        """What a single module on a single host returned."""
        found: dict[str, Any] = json.JSONDecoder().raw_decode(self.output, self.output.index("=> {") + 3)[0]
        return found

    @property
    def failures(self) -> list[str]:
        """The messages of what failed, in order, also where a task with a remedy followed: the last one is the run's."""
        results = (json.JSONDecoder().raw_decode(self.output, match.end())[0] for match in FAILURE.finditer(self.output))
        return [str(result.get("msg")) for result in results]


def command(fleet: Fleet, *words: str, variables: dict[str, Any] | None = None, playbook: str = SITE) -> list[str]:
    extra = ["-e", json.dumps(variables)] if variables else []
    return ["ansible-playbook", "-i", str(fleet.home / "inventory" / "hosts.yml"), playbook, *words, *extra]


def run(fleet: Fleet, *words: str, variables: dict[str, Any] | None = None, playbook: str = SITE) -> Run:
    """Run a playbook to its end."""
    return _run(command(fleet, *words, variables=variables, playbook=playbook))


def module(fleet: Fleet, host: str, name: str, /, **arguments: Any) -> Run:
    """Run one module of the collection on a host, in the managed Python environment."""
    inventory = str(fleet.home / "inventory" / "hosts.yml")
    python = "ansible_python_interpreter=/opt/stronghold/venv/bin/python"
    options = ["-a", json.dumps(arguments)] if arguments else []
    return _run(["ansible", "-i", inventory, host, "-m", f"stronghold.mongodb.{name}", *options, "-e", python])


def _run(words: list[str]) -> Run:
    begin = time.monotonic()
    done = subprocess.run(
        words,
        env={**os.environ, **SETTINGS},
        stdin=subprocess.DEVNULL,  # one of its own: ssh makes that of all non-blocking, and who is killed leaves it so
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Run(done.returncode, done.stdout, time.monotonic() - begin)


def converge(fleet: Fleet, *words: str, variables: dict[str, Any] | None = None) -> Run:
    """Run the site playbook and insist on success."""
    result = run(fleet, *words, variables=variables)
    assert result.rc == 0, result.output[-6000:]
    return result


def run_and_kill(
    fleet: Fleet,
    task: str,
    delay: float,
    log: Path,
    *,
    playbook: str = SITE,
    times: int = 1,
    variables: dict[str, Any] | None = None,
) -> bool:
    """Run a playbook and SIGKILL it, with all its workers, ``delay`` seconds after ``task`` began for the time ``times``.

    Returns whether it was killed: False means that the task was never reached.
    """
    process = subprocess.Popen(
        command(fleet, playbook=playbook, variables=variables),
        env={**os.environ, **SETTINGS, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    deadline = threading.Timer(TIMEOUT, _kill, [process])
    deadline.start()
    killed = False
    with log.open("a") as copy:
        for line in process.stdout:
            copy.write(line)
            match = TASK.match(line)
            times -= bool(match and match[1] == task)
            if times == 0:
                time.sleep(delay)
                _kill(process)
                killed = True
                break
    process.stdout.close()
    process.wait()
    deadline.cancel()
    return killed


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
