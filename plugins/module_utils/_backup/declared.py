# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a playbook declares of backups: that one is taken now, that one is gone, that one was proved to be whole.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import content
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import Selection
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.daily import measure, take
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.members import preferred
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.overview import entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known, Tell, Vault, nothing, vault
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import (
    BackupSettings,
    OplogSettings,
    accepted,
    accepted_oplog,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic

with suppress(ImportError):  # told by whoever connects
    from bson.errors import BSONError
    from bson.json_util import loads

ACCEPT = "accept the options of the task"


def _silent(_line: str) -> None:
    """What was done is in the result."""


def settings_of(directory: Path) -> BackupSettings:
    """Of this host's command ``backup``. Raises StrongholdError."""
    found = _found(directory / "backup.json")
    if found is None:
        reason = f"this host is no backup host: there is no {directory / 'backup.json'}"
        remedy = "put it into the group mongodb_backup, and run the playbook site"
        raise StrongholdError(platform.node(), "look after backups", reason, remedy)
    return accepted(found)


def oplog_settings_of(directory: Path) -> OplogSettings | None:
    """Of this host's command ``oplog``; None where it has none. Raises StrongholdError."""
    found = _found(directory / "oplog.json")
    return None if found is None else accepted_oplog(found)


def _found(path: Path) -> Mapping[str, Any] | None:
    attempt = f"read {path}"
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except PermissionError:
        raise StrongholdError(platform.node(), attempt, "it is for root alone", "run the task with become: true") from None
    except (OSError, ValueError) as error:
        raise StrongholdError(platform.node(), attempt, f"of '{error}'", "run the playbook site") from error
    if not isinstance(found, dict):
        raise StrongholdError(platform.node(), attempt, "it is no object", "run the playbook site")
    return found


def selection_of(databases: list[str], collections: list[str], query: Mapping[str, Any] | None) -> Selection:
    """Of names, of ``DATABASE.COLLECTION``, and of a query in extended JSON. Raises StrongholdError."""
    namespaces = [Namespace(*name.partition(".")[::2]) for name in collections]
    reason = next((f"{name!r} is no DATABASE.COLLECTION" for name, one in zip(collections, namespaces) if not all(one)), None)
    if "" in databases:
        reason = "the name of a database is empty"
    if query is not None and (databases or len(namespaces) != 1):
        reason = "query is of exactly one collection"
    if reason:
        raise StrongholdError(platform.node(), ACCEPT, reason, "correct it")
    try:
        found = None if query is None else loads(json.dumps(query))
    except (ValueError, TypeError, BSONError) as error:
        raise StrongholdError(platform.node(), ACCEPT, f"query is no extended JSON ({error})", "correct it") from error
    return Selection(tuple(databases), tuple(namespaces), found)


@contextmanager
def opened(settings: BackupSettings, attempt: str, *, predict: bool, tell: Tell = _silent) -> Iterator[Declared]:
    """For a block: alone with the repository, or where it is only to ``predict``, beside others and without a trace."""
    if predict:
        with settings.restic(cached=False) as restic:
            yield Declared(settings, restic, Vault(restic, settings.home, settings.keep, caching=False), predict, tell)
    else:
        with vault(settings, attempt) as place:
            yield Declared(settings, place.restic, place, predict, tell)


@dataclass
class Declared:
    """Plans. Methods raise StrongholdError."""

    settings: BackupSettings
    restic: Restic
    place: Vault
    predict: bool
    tell: Tell = _silent
    _name: str = ""

    def known(self) -> Known:
        if not self.restic.exists():
            return nothing()
        return self.place.known() if self.predict else self.place.seen()

    def taken(self, selection: Selection) -> tuple[Plan, dict[str, Any]]:
        """A new one, and what it is made of: ``member``, ``collections`` and ``size`` in bytes of their databases."""
        plan, selected = Plan(), self._selected(selection)

        def act() -> None:
            self._name = take(self.settings, self.restic, self.tell, selection)

        subject = "a backup of a part" if selection != Selection() else "a backup of all"
        plan.add(f"take {subject} from {selected['member']}", subject, None, selected, act)
        return plan, selected

    def result(self, plan: Plan) -> dict[str, Any] | None:
        """The entry of the backup in question as it is now, and the metrics of all where something was changed."""
        found = self.known()
        if plan.changed and not self.predict:
            measure(self.settings, found)
        backup = found.catalogue.named(self._name)
        return None if backup is None else entry(found, backup)

    def _selected(self, selection: Selection) -> dict[str, Any]:
        member = preferred(self.settings.login, self.settings.addresses)[0]
        with connect(member, "look at what there is to back up") as client:
            found = content.found(client, selection)
            names = [one.collection.namespace for one in found]
            databases = {name.database for name in names}
            lost = [f"database {name}" for name in selection.databases if name not in databases]
            lost += [f"collection {name}" for name in selection.collections if name not in names]
            if lost:
                reason = f"there is no {' and no '.join(lost)} that could be"
                raise StrongholdError(member.where, "take a backup", reason, "correct the names, or leave them out")
            size = sum(content.sizes(client, found).values())
        return {"member": member.address, "collections": [str(name) for name in names], "size": size}

    def gone(self, name: str) -> Plan:
        """The backup ``name`` dropped."""
        plan, found = Plan(), self.known()
        backup = found.catalogue.named(name)
        if backup is None:
            return plan
        refusal = indispensable(found, backup)
        if refusal:
            raise StrongholdError(self.restic.host, f"drop the backup {name}", refusal, "take and verify another one first")
        streams = found.streams([backup])
        before = {**entry(found, backup), "streams": [one.name for one in backup.manifest.streams if one.snapshot in streams]}
        plan.add(
            f"drop the backup {name}", f"backup {name}", before, None, lambda: self.place.part_with(found, [backup], self.tell)
        )
        return plan

    def proved(self, name: str | None, within: int) -> Plan:
        """``name``, or the newest, read as a whole unless that was done ``within`` so many days."""
        plan, found = Plan(), self.known()
        backup = self.place.chosen(found, name)
        chosen = self._name = backup.manifest.id
        last = found.record.verified.get(chosen)
        if last is None or datetime.now(timezone.utc) - moments.parse(last) >= timedelta(days=within):
            after = {"verified": moments.text(time.time())}
            plan.add(
                f"verify the backup {chosen}",
                f"backup {chosen}",
                {"verified": last},
                after,
                lambda: self.place.prove(found, chosen, self.tell),
            )
        return plan


def indispensable(known: Known, backup: Backup) -> str | None:
    """Why it must stay, as a clause; None where it may go."""
    others = [one for one in known.catalogue.bases if one != backup]
    if backup.manifest.partial or any(one.manifest.id in known.record.verified for one in others):
        return None
    if backup.manifest.id in known.record.verified:
        return "it is the last backup of all that was verified"
    return None if others else "it is the last backup of all"
