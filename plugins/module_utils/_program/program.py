# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program on database hosts: ``stronghold COMMAND``, the modules' engine without Ansible.

The settings of a command are in its file, ``/etc/stronghold/COMMAND.json``, which is for root alone. What it did goes to
standard output, one line each, and nothing when there was nothing to do. What failed is one sentence on standard error, and the
exit code is 1.

PRIVATE to the collection.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import JSON, Command, Tell
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.registry import COMMANDS

SETTINGS_DIRECTORY = "/etc/stronghold"


def run() -> NoReturn:
    """``main`` as a process."""
    raise SystemExit(main())


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="stronghold", description="The part of stronghold.mongodb that runs on its own.")
    parser.add_argument("command", choices=sorted(COMMANDS))
    verbs = ", ".join(f"{name}: {' or '.join(command.verbs)}" for name, command in sorted(COMMANDS.items()) if command.verbs)
    parser.add_argument(
        "words", nargs="*", metavar="VERB", help=f"what of it; without one it does what its timer wants ({verbs})"
    )
    parser.add_argument("--json", action="store_true", help="tell it as JSON, where a verb can")
    parser.add_argument("--config", metavar="FILE", help=f"settings in place of {SETTINGS_DIRECTORY}/COMMAND.json")
    chosen = parser.parse_args(words)
    command = COMMANDS[chosen.command]
    try:
        command.require_libraries()
        settings = command.accept(_read(Path(chosen.config or f"{SETTINGS_DIRECTORY}/{command.name}.json")))
        failures = _asked(command, chosen.words, [JSON] if chosen.json else [])(settings, _tell)
    except StrongholdError as error:
        failures = [error]
    except Exception as error:
        reason = f"of an unexpected {type(error).__name__} ({error})"
        failures = [StrongholdError(platform.node(), f"run {command.name}", reason, "report this defect")]
    for failure in failures:
        sys.stderr.write(f"{failure}\n")
    return 1 if failures else 0


def _asked(command: Command[Any], words: Sequence[str], form: Sequence[str]) -> Callable[[Any, Tell], Sequence[StrongholdError]]:
    """What a command does for these words behind its name, and tells in that form."""
    if form and not set(words[:1]) & set(command.json):
        known = f"it tells JSON of {' and '.join(command.json)} alone" if command.json else "it tells no JSON"
        raise StrongholdError(platform.node(), f"run '{' '.join((command.name, *words))}'", known, "leave --json out")
    if not words:
        return command.run
    verb, *rest = words
    act = command.verbs.get(verb)
    if act is None:
        known = f"it knows {', '.join(sorted(command.verbs))}" if command.verbs else "it takes no words"
        raise StrongholdError(platform.node(), f"run '{command.name} {verb}'", known, "see 'stronghold --help'")
    return lambda settings, tell: act(settings, tell, [*rest, *form])


def _read(path: Path) -> Mapping[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(settings, dict):
            return settings
        told = "it is no JSON object"
    except (OSError, ValueError) as error:
        told = str(error.strerror) if isinstance(error, OSError) else "it is not JSON"
    remedy = "apply stronghold.mongodb.mongodb_program"
    raise StrongholdError(platform.node(), f"read {path}", f"of '{told}'", remedy)


def _tell(line: str) -> None:
    """At once: what was done stays told when the rest is cut short."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
