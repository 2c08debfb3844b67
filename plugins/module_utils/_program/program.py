# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program on database hosts: ``stronghold COMMAND``, the modules' engine without Ansible.

A command is a function of the settings in its file, ``/etc/stronghold/COMMAND.json``, which is for root alone. What it did goes
to standard output, one line each, and nothing when there was nothing to do. What failed is one sentence on standard error,
and the exit code is 1.

PRIVATE to the collection.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

Settings = Mapping[str, Any]
Command = Callable[[Settings, Callable[[str], object]], Sequence[StrongholdError]]


def _allowlist() -> Command:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._program.allowlist import run  # noqa: PLC0415

    return run


def _certificates() -> Command:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._program.certificates import run  # noqa: PLC0415

    return run


def _expiry() -> Command:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._program.expiry import run  # noqa: PLC0415

    return run


# Each gives a function that is called with its settings and a function that tells a line, and returns what failed while the rest
# was done. What a command imports it imports when it is run: two of them run twice a minute.
COMMANDS: Mapping[str, Callable[[], Command]] = {"allowlist": _allowlist, "certificates": _certificates, "expiry": _expiry}
CONNECTING = frozenset({"expiry"})  # those that log in to a server, for which they need PyMongo
SETTINGS_DIRECTORY = "/etc/stronghold"


def run() -> NoReturn:
    """``main`` as a process."""
    raise SystemExit(main())


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="stronghold", description="The part of stronghold.mongodb that runs on its own.")
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("--config", metavar="FILE", help=f"settings in place of {SETTINGS_DIRECTORY}/COMMAND.json")
    chosen = parser.parse_args(words)
    path = Path(chosen.config or f"{SETTINGS_DIRECTORY}/{chosen.command}.json")
    try:
        _require_libraries(chosen.command)
        failures = COMMANDS[chosen.command]()(_read(path), _tell)
    except StrongholdError as error:
        failures = [error]
    except Exception as error:
        reason = f"of an unexpected {type(error).__name__} ({error})"
        failures = [StrongholdError(platform.node(), f"run {chosen.command}", reason, "report this defect")]
    for failure in failures:
        sys.stderr.write(f"{failure}\n")
    return 1 if failures else 0


def _require_libraries(command: str) -> None:
    if command in CONNECTING and importlib.util.find_spec("pymongo") is None:
        reason, remedy = f"{sys.executable} has no PyMongo", "apply stronghold.mongodb.mongodb_host"
        raise StrongholdError(platform.node(), f"run {command}", reason, remedy)


def _read(path: Path) -> Settings:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        remedy = "apply stronghold.mongodb.mongodb_program"
        raise StrongholdError(platform.node(), f"read {path}", f"of '{reason}'", remedy) from None
    return dict(settings)


def _tell(line: str) -> None:
    """At once: what was done stays told when the rest is cut short."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
