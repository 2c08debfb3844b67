# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup of the files of this host's server, where it is the one of its set: when one is due, and what is remembered of it.

The account needs, on the cluster, ``fsync``, ``unlock``, ``replSetGetStatus``, ``replSetGetConfig``, ``serverStatus`` and
``getCmdLineOpts``, and ``find`` on ``local.oplog.rs`` and ``admin.system.version``.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.origin import OF_BACKUP
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import span
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Tell
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, memory, metrics, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical import lock, snapshot
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.capture import capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.choice import Chosen, Elsewhere, Refused, choose
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.layout import ATTEMPT, RATE, Layout, lay, require_time
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.settings import PhysicalSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.volume import (
    Place,
    Volume,
    hindrance,
    place_of,
    volumes,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import PHYSICAL, SNAPSHOT, TAG
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import LONG, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import without_password

if TYPE_CHECKING:
    from pymongo import MongoClient

WANTED = Path("/run/stronghold/physical.wanted")
"""A file by which a person asks for a backup also where none is due."""
YOUNG = timedelta(hours=20)
LATE = timedelta(hours=30)
"""After which the backup of a member that is the one is overdue."""
_MEMORY = "memory.json"
_UNIT = "stronghold-physical.service"
_CATCHES_UP = 600.0  # seconds that a member has between two vaults


@dataclass(frozen=True)
class Memory:
    """Times are ISO 8601, empty where there was none yet: ``ran`` is the last run, ``good`` the last that saved all that was due.

    ``elsewhere`` is the member that was the one in the last run, where it was not this. ``locked`` is how long the server wrote
    nothing, in seconds, of the last backup, 0 where it was out of a snapshot; ``rate`` how many bytes were saved in a second of
    the last one that was not. ``backups`` are those of the last run that took any.
    """

    ran: str = ""
    good: str = ""
    elsewhere: str = ""
    failure: str = ""
    locked: float = 0.0
    rate: float = 0.0
    backups: tuple[str, ...] = field(default_factory=tuple)

    @classmethod
    def read(cls, home: Path) -> Memory:
        """An empty one where there is none."""
        try:
            found = json.loads((home / _MEMORY).read_bytes())
            texts = {name: str(found[name]) for name in ("ran", "good", "elsewhere", "failure")}
            made = cls(**texts, locked=float(found["locked"]), rate=float(found["rate"]), backups=tuple(found["backups"]))
            for time_of in filter(None, (made.ran, made.good)):
                moments.parse(time_of)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()
        return made

    def write(self, home: Path) -> None:
        """Raises StrongholdError."""
        memory.keep(home / _MEMORY, asdict(self), "make room there")


def physical(settings: PhysicalSettings, tell: Tell) -> list[StrongholdError]:
    """One run; what failed. Where another member is the one there is nothing to tell."""
    wanted = WANTED.exists()
    with suppress(OSError):
        WANTED.unlink()
    known = replace(Memory.read(settings.home), ran=moments.text(time.time()))
    failures: list[StrongholdError] = []
    try:
        choice = _choice(settings)
        if isinstance(choice, Elsewhere):
            known = replace(known, elsewhere=choice.host, failure="")
        else:
            known, failures = _alone(settings, replace(known, elsewhere=""), tell, wanted=wanted)
    except StrongholdError as error:
        failures = [error]
    if failures:
        known = replace(known, failure=" ".join(map(str, failures)))
    with memory.leaving("the backup", failures):
        known.write(settings.home)
        if settings.metrics_file:
            metrics.write(Path(settings.metrics_file), gauges(known))
    return failures


def _alone(settings: PhysicalSettings, known: Memory, tell: Tell, *, wanted: bool) -> tuple[Memory, list[StrongholdError]]:
    host = platform.node()
    with locks.held(locks.PHYSICAL, host, ATTEMPT), locks.held(locks.restart(settings.service), host, ATTEMPT):
        for line in give_back(settings):
            tell(line)
        failures: list[StrongholdError] = []
        taken: list[str] = []
        for vault in settings.vaults:
            try:
                with settings.restic(vault) as restic:
                    if wanted or _is_due(restic):
                        known = _save(settings, restic, known, tell)
                        taken += known.backups
            except StrongholdError as error:
                failures.append(error)
        if not failures:
            known = replace(known, good=moments.text(time.time()) if taken else known.good, failure="")
        return replace(known, backups=tuple(taken) or known.backups), failures


def _save(settings: PhysicalSettings, restic: Restic, known: Memory, tell: Tell) -> Memory:
    """Into one repository."""
    _await_turn(settings)
    layout, window = _layout(settings)
    source = _source(settings, restic.host, layout, tell)
    if source is None:
        require_time(settings.login.where, layout, known.rate or RATE, window)
    taken = capture(settings.login, restic, layout, source)
    where = without_password(restic.place.url)
    how = f"the server was locked for {taken.locked:.1f} s" if source is None else "out of a snapshot"
    tell(f"took the backup {taken.manifest.id} into {where}: {layout.size} bytes, {how}")
    rate = known.rate if source else round(layout.size / max(taken.locked, 0.001))
    return replace(known, locked=round(taken.locked, 3), rate=rate, backups=(taken.manifest.id,))


def _source(settings: PhysicalSettings, host: str, layout: Layout, tell: Tell) -> tuple[Volume, Place] | None:
    """The volume of which a snapshot is taken, None where the server is locked. Raises StrongholdError where it is not to be."""
    if settings.method == PHYSICAL:
        return None
    place = place_of(layout.folder)
    volume = next((one for one in volumes(host) if one.uuid == place.uuid), None) if place else None
    reason = hindrance(volume) if volume else f"{layout.folder} lies on no logical volume with XFS or ext4"
    if volume and place and not reason:
        return volume, place
    if settings.method == SNAPSHOT:
        raise StrongholdError(host, ATTEMPT, reason, "mend that, or have the server locked meanwhile (method: physical)")
    tell(f"has the server locked for this backup: {reason}")
    return None


def _is_due(restic: Restic) -> bool:
    """Whether it has no young backup of this host, which one of a clock that was ahead is not.

    Raises StrongholdError where there is no repository.
    """
    begun = [
        datetime.strptime(tag[len(OF_BACKUP) :].partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        for one in restic.snapshots(TAG)
        for tag in one.tags
        if tag.startswith(OF_BACKUP) and one.host == restic.host
    ]
    now = datetime.now(timezone.utc)
    return not any(moments.is_recent(time_of, YOUNG, now) for time_of in begun)


def _await_turn(settings: PhysicalSettings) -> None:
    """A member that was locked for another vault has to catch up. Raises StrongholdError where it is not the one."""
    for attempt in patience(_CATCHES_UP):
        choice = _choice(settings)
        if isinstance(choice, Chosen):
            return
        if isinstance(choice, Refused) or attempt.spent:
            reason = choice.reason if isinstance(choice, Refused) else f"{choice.host} is the one now"
            break
    raise StrongholdError(settings.login.where, ATTEMPT, reason, "bring all members back, and let them catch up")


def _choice(settings: PhysicalSettings) -> Chosen | Elsewhere | Refused:
    with connect(settings.login, ATTEMPT) as client:
        status: Mapping[str, Any] = client.admin.command("replSetGetStatus")
        config: Mapping[str, Any] = client.admin.command("replSetGetConfig")
    own = next(member["name"] for member in status["members"] if member.get("self"))
    return choose(status, config, own)


def _layout(settings: PhysicalSettings) -> tuple[Layout, float]:
    """Of the server, and its oplog window in seconds."""
    with connect(settings.login, ATTEMPT) as client:
        parsed = client.admin.command("getCmdLineOpts")["parsed"]
        engine = client.admin.command("serverStatus")["storageEngine"]["name"]
        window = _window(client)
    return lay(settings.login.where, settings.db_path, parsed, engine), window


def _window(client: MongoClient[dict[str, Any]]) -> float:
    oplog = client.local["oplog.rs"]
    first, last = (oplog.find_one({}, {"ts": 1}, sort=[("$natural", order)]) for order in (1, -1))
    return float(last["ts"].time - first["ts"].time) if first and last else 0.0


def give_back(settings: PhysicalSettings) -> list[str]:
    """Undo what a program that was killed had left, a locked server or a snapshot; a line for each. Raises StrongholdError."""
    unlocked = lock.release(settings.login)
    removed = [] if settings.method == PHYSICAL else snapshot.release(platform.node())
    return [*([unlocked] if unlocked else []), *(f"removed the snapshot {name}, which was left" for name in removed)]


def ask(settings: PhysicalSettings, tell: Tell) -> list[StrongholdError]:
    """Have the service take one now, wait for it, and tell what came of it; so it is protected as one of the timer."""
    unit = Systemd(_UNIT, timeout=LONG)
    if not unit.is_installed():
        remedy = "apply the role of the members"
        raise StrongholdError(platform.node(), f"start {_UNIT}", "there is no such unit", remedy)
    WANTED.parent.mkdir(parents=True, exist_ok=True)
    WANTED.touch(0o600)
    unit.run_anew()
    found = Memory.read(settings.home)
    tell(f"{found.elsewhere} is the one" if found.elsewhere else f"took {', '.join(found.backups)}")
    return []


def gauges(known: Memory) -> list[metrics.Gauge]:
    ran = metrics.Gauge("mongodb_physical_last_seconds", "When this member last saw whether it is to save its files.")
    good = metrics.Gauge("mongodb_physical_good_seconds", "When this member last saved its files.")
    well = metrics.Gauge("mongodb_physical_ok", "Whether the last run went well.")
    held = metrics.Gauge("mongodb_physical_locked_seconds", "How long the server was locked for the last backup.")
    ran.add({}, moments.parse(known.ran).timestamp())
    well.add({}, int(not known.failure))
    if known.good:
        good.add({}, moments.parse(known.good).timestamp())
        held.add({}, known.locked)
    return [ran, good, well, held]


def state(home: Path) -> tuple[list[str], list[str]]:
    """Lines of the last run and the last backup, and clauses of what is not well; ``home`` is the state of the service."""
    known = Memory.read(home)
    now = datetime.now(timezone.utc)
    reasons = [f"the last run failed ({known.failure.rstrip('.')})"] if known.failure else []
    if not known.ran:
        return ["last run: not yet"], reasons
    lines = [f"last run: {span(now - moments.parse(known.ran))} ago"]
    if known.elsewhere:
        lines.append(f"{known.elsewhere} is the one")
    if known.good:
        age = now - moments.parse(known.good)
        how = f"the server was locked for {known.locked:.1f} s" if known.locked else "out of a snapshot"
        lines.append(f"last backup: {span(age)} ago, {how}")
        if age > LATE and not known.elsewhere:
            reasons.append(f"the last backup is {span(age)} old")
    return lines, reasons
