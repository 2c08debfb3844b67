# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One systemd unit on this host.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import EXITS, Output, run

_JOURNAL_LINES = 5
_RUN_LINES = 500


@dataclass(frozen=True)
class Systemd:
    """The unit ``unit`` ("mongod" or "mongod.service"); ``timeout`` is in seconds, for each call.

    ``complaint`` tells what the service itself complained of, in one line, from a log of its own or from the end of its latest
    run in the journal, which it is given.
    """

    unit: str
    timeout: int = 120
    complaint: Callable[[str], str] | None = None

    def is_active(self) -> bool:
        return self._systemctl("is-active", "--quiet", self.unit).code == 0

    def is_enabled(self) -> bool:
        """Whether the unit starts at boot."""
        return self._systemctl("is-enabled", "--quiet", self.unit).code == 0

    def enable(self) -> None:
        """Have the unit start at boot."""
        self._run("enable")

    def disable(self) -> None:
        """Have the unit no longer start at boot."""
        self._run("disable")

    def forget_failure(self) -> None:
        """Have a unit that failed, if there is one, told as failed no more."""
        self._systemctl("reset-failed", self.unit)

    def needs_reload(self) -> bool:
        """Whether the unit's files changed since systemd read them."""
        shown = self._systemctl("show", "--property=NeedDaemonReload", "--value", self.unit)
        return shown.text.strip() == "yes"

    def reload_manager(self) -> None:
        """Have systemd read the files of all units again."""
        done = self._systemctl("daemon-reload")
        if done.code:
            raise self.failure("read anew", done.complaint or done.ended)

    def main_pid(self) -> int:
        """Of the running unit's main process, else 0."""
        shown = self._systemctl("show", "--property=MainPID", "--value", self.unit).text.strip()
        return int(shown) if shown.isdigit() else 0

    def program_replaced(self) -> bool:
        """Whether the running unit's program is no longer the one on disk, as after an update of its package (proc(5), exe)."""
        try:
            return str(Path(f"/proc/{self.main_pid()}/exe").readlink()).endswith(" (deleted)")
        except OSError:
            return False

    def start(self) -> None:
        """Start the inactive unit, with its files as they are now."""
        self._run("start")

    def begin(self) -> None:
        """Have the unit started without waiting until it has; raises StrongholdError where systemd refuses that."""
        self._run("start", "--no-block")

    def is_installed(self) -> bool:
        return self._systemctl("show", "--property=LoadState", "--value", self.unit).text.strip() == "loaded"

    def is_idle(self) -> bool:
        """Whether the unit neither runs nor is about to."""
        return self._systemctl("show", "--property=ActiveState", "--value", self.unit).text.strip() in ("inactive", "failed")

    def run_anew(self) -> None:
        """Run the oneshot from its beginning, when one that is under way has ended: that may be past what it is to see."""
        for attempt in patience(self.timeout, pause=0.05):
            shown = self._systemctl("show", "--property=ActiveState", "--value", self.unit)
            if attempt.spent or shown.text.strip() != "activating":
                break
        self._run("start")

    def restart(self) -> None:
        """Stop and start the unit, with its files as they are now."""
        self._run("restart")

    def stop(self) -> None:
        """Stop the unit, if it runs."""
        self._run("stop")

    def run_later(self, unit: str, seconds: int, command: list[str]) -> None:
        """Have a timer of its own, ``unit``.timer, run ``command`` once, in ``seconds`` (systemd-run(1))."""
        when = [f"--unit={unit}", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms", "--collect"]
        done = self._call(["systemd-run", *when, *command])
        if done.code:
            raise self.failure("start", done.complaint or done.ended)

    def journal(self) -> str:
        """The end of the unit's journal in one line, empty where it cannot be read."""
        return " / ".join(self._journal(_JOURNAL_LINES, "-u", self.unit).split("\n")).strip(" /")

    def _latest_run(self) -> str:
        """The end of what the unit's processes wrote since its latest start (systemd.exec(5), INVOCATION_ID)."""
        latest = self._systemctl("show", "--property=InvocationID", "--value", self.unit).text.strip()
        return self._journal(_RUN_LINES, f"_SYSTEMD_INVOCATION_ID={latest}") if latest else ""

    def _journal(self, lines: int, *matches: str) -> str:
        try:
            return self._call(["journalctl", *matches, "-n", str(lines), "-o", "cat", "--no-pager"]).text
        except StrongholdError:
            return ""

    def failure(self, attempt: str, reason: str) -> StrongholdError:
        """An error with what the service itself complained of in it, else with the end of the journal."""
        logged = self.complaint(self._latest_run()) if self.complaint else ""
        said = f"its log says '{logged}'" if logged else f"its journal ends with '{self.journal()}'"
        return StrongholdError(
            platform.node(),
            f"{attempt} {self.unit}",
            f"{reason} ({said})",
            f"see 'journalctl -u {self.unit}' and the server's log there, mend the cause, and run again",
        )

    def _run(self, verb: str, *words: str) -> None:
        if self.needs_reload():
            self._systemctl("daemon-reload")
        done = self._systemctl(verb, *words, self.unit)
        if done.code:
            raise self.failure(verb, done.complaint or done.ended)

    def _systemctl(self, *words: str) -> Output:
        return self._call(["systemctl", *words])

    def _call(self, words: list[str]) -> Output:
        return run(
            words,
            host=platform.node(),
            attempt=f"run '{' '.join(words)}'",
            timeout=self.timeout,
            environment={"SYSTEMD_COLORS": "0"},
            accept=EXITS,
            missing="run this on a systemd host",
            slow="raise timeout, or see the unit's journal",
        )
