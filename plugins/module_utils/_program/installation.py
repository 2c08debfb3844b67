# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program, the settings of its commands and their units, as one plan.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.file_plan import (
    File,
    plan_absent,
    plan_directories,
    plan_file,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.identity import ROOT
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import bundle
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.declaration import Declared
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installed import RECORD, record_text


@dataclass(frozen=True)
class Places:
    """The path of the program, and the directories of settings and units."""

    program: Path
    config: Path
    units: Path

    def settings(self, name: str) -> Path:
        return self.config / f"{name}.json"


def plan_installation(commands: Sequence[Declared], places: Places) -> Plan:
    """What is started comes last, so that all it needs is there, and what goes is stopped first. Raises StrongholdError.

    What runs without an end is stopped before anything changes that it was made of. So it is started anew with all of it,
    also by the next run where this one is interrupted.
    """
    parting = [command for command in commands if not command.present]
    wanted = [command for command in commands if command.present]
    files_of = _plan_files(wanted, parting, places)
    outdated = _outdated(wanted, {change.subject for change in files_of.changes}, places)
    plan = Plan()
    for command in parting:
        _plan_stop(plan, command)
    for command in outdated:
        plan.add(f"stop {command.starts}", f"unit {command.starts}", "active", "inactive", Systemd(command.starts).stop)
    plan.changes += files_of.changes
    for command in wanted:
        _plan_start(plan, command, stopped=command in outdated)
    return plan


def _plan_files(wanted: Sequence[Declared], parting: Sequence[Declared], places: Places) -> Plan:
    plan = Plan()
    if wanted:
        _plan_program(plan, places)
    for command in wanted:
        command.require_usable()
        plan_directories(plan, [path for path in map(Path, command.writes) if not path.exists()], ROOT, 0o700)
        plan_file(plan, File(places.settings(command.command.name), command.settings, ROOT, 0o600, secret=True))
    _plan_units(plan, wanted, parting, places)
    for command in parting:
        _plan_parting(plan, command, places)
    return plan


def _outdated(wanted: Sequence[Declared], changed: set[str], places: Places) -> list[Declared]:
    """Those that run without an end, made of what will have ``changed``, paths of files."""
    found = []
    for command in wanted:
        parts = {places.program, places.settings(command.command.name), *(places.units / name for name in command.files)}
        if command.command.endless and changed & set(map(str, parts)) and Systemd(command.starts).is_active():
            found.append(command)
    return found


def _plan_units(plan: Plan, wanted: Sequence[Declared], parting: Sequence[Declared], places: Places) -> None:
    before = len(plan.changes)
    for command in wanted:
        for name, text in command.files.items():
            plan_file(plan, File(places.units / name, text, ROOT, 0o644))
    for command in parting:
        for name in command.files:
            plan_absent(plan, places.units / name)
    names = [name for command in (*wanted, *parting) for name in command.files]
    if len(plan.changes) > before or any(Systemd(name).needs_reload() for name in names):
        plan.add("have systemd read the units", "systemd", "units as before", "units as on disk", _reload(parting))


def _plan_start(plan: Plan, command: Declared, *, stopped: bool) -> None:
    unit = Systemd(command.starts)
    if not unit.is_enabled():
        plan.add(f"start {unit.unit} at boot", f"unit {unit.unit}", "disabled", "enabled", unit.enable)
    if stopped or not unit.is_active():
        plan.add(f"start {unit.unit}", f"unit {unit.unit}", "inactive", "active", unit.start)


def _plan_program(plan: Plan, places: Places) -> None:
    """Built where the record beside it disagrees, and not to compare bytes: those of bytecode may differ from run to run."""
    sources = bundle.digest()
    present = files.read(places.program)
    record = places.settings(RECORD)
    told = files.read(record)
    data = present
    if data is None or told != _record(sources, data).encode():
        data = bundle.build(sys.executable)
    plan_file(plan, File(places.program, data, ROOT, 0o755))
    plan_file(plan, File(record, _record(sources, data), ROOT, 0o600))


def _record(sources: str, program: bytes) -> str:
    return record_text(sys.executable, sources, hashlib.sha256(program).hexdigest())


def _plan_stop(plan: Plan, command: Declared) -> None:
    unit = Systemd(command.starts)
    if unit.is_active():
        plan.add(f"stop {unit.unit}", f"unit {unit.unit}", "active", "inactive", unit.stop)
    if unit.is_enabled():
        plan.add(f"no longer start {unit.unit} at boot", f"unit {unit.unit}", "enabled", "disabled", unit.disable)


def _plan_parting(plan: Plan, command: Declared, places: Places) -> None:
    """The settings go last: they tell what else goes."""
    path = places.settings(command.command.name)
    for left in _left(command, path):
        plan_absent(plan, left)
    plan_absent(plan, path, secret=True)


def _left(command: Declared, path: Path) -> Sequence[Path]:
    """Nothing where the settings cannot be read, which has no remedy but to go on."""
    data = files.read(path)
    try:
        return command.command.leaves(command.command.accept(json.loads(data or b"{}")))
    except (StrongholdError, ValueError):
        return ()


def _reload(parting: Sequence[Declared]) -> Callable[[], None]:
    """A service that failed and is no more would be told as failed until the next boot."""

    def act() -> None:
        Systemd("").reload_manager()
        for command in parting:
            Systemd(f"{command.unit}.service").forget_failure()

    return act
