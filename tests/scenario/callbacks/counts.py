# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loaded by Ansible: writes down each task, each process that is forked for a task on a host, and each of these that goes to its host.

One line of JSON each, to the file STRONGHOLD_COUNTS, which several runs may share. See ``scenario.counts``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

MAIN = os.getpid()
PROGRAMS = ("ssh", "sftp", "scp")


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "counts"

    def __init__(self) -> None:
        super().__init__()
        # Set before a process is forked, and so known in it.
        self._task: dict[str, str] = {}
        self._visited = False
        sys.addaudithook(self._audit)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._note("run", playbook=playbook._file_name)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._note("task", **_named(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._note("task", **_named(task))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._task = {**_named(task), "host": host.get_name()}
        self._note("process", **self._task)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and not self._visited and os.getpid() != MAIN:
            program = os.fsdecode(arguments[1][0] if isinstance(arguments[1], (list, tuple)) else arguments[1])
            if Path(program).name in PROGRAMS:
                self._visited = True
                self._note("visit", **self._task)

    def _note(self, event: str, **facts: str) -> None:
        line = json.dumps({"run": MAIN, "event": event, **facts}) + "\n"
        file = os.open(os.environ["STRONGHOLD_COUNTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)


def _named(task: Any) -> dict[str, str]:
    """``role`` is empty for what stands in a playbook."""
    role = task._role.get_name().rsplit(".", 1)[-1] if task._role else ""
    return {"role": role, "task": task.name or task.action}
