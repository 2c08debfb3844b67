# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository of bases on the host that keeps it: what is there, whether that is whole, and what has had its time.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.origin import OF_BACKUP
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import Record, reached, written
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import BackupSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup, Catalogue, look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.retention import Policy, excess, keep
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import verify

WEEK = 7
DAY = timedelta(hours=23)  # or a run that comes a moment early would leave it to the next
_PROVED_FOR = (WEEK - 1) * timedelta(days=1) + DAY
RECORD = "record.json"
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Known:
    """The catalogue, what this host remembers of it, and why backups stay: ids with the reasons."""

    catalogue: Catalogue
    record: Record
    reasons: dict[str, list[str]]

    @property
    def newest(self) -> Backup | None:
        """Of all, rather than of a part."""
        return self.newest_of(self.catalogue.bases)

    def newest_of(self, backups: Iterable[Backup]) -> Backup | None:
        """By the times at which they arrived; one later than now is of a clock that was ahead."""
        now = datetime.now(timezone.utc)

        def order(backup: Backup) -> tuple[bool, datetime]:
            arrived = moments.parse(self.record.arrived[backup.snapshot])
            return arrived <= now, arrived

        return max(backups, key=order, default=None)

    def proof_is_due(self, backups: Iterable[Backup]) -> bool:
        """None of them was verified within the week."""
        last = max((self.record.verified.get(one.manifest.id, "") for one in backups), default="")
        return not last or datetime.now(timezone.utc) - moments.parse(last) >= _PROVED_FOR

    def parting(self, now: datetime) -> list[Backup]:
        """Those that no rule keeps, and that are not of today."""
        old = set(self.record.older((backup.snapshot for backup in self.catalogue.backups), now, DAY))
        return [one for one in self.catalogue.backups if one.manifest.id not in self.reasons and one.snapshot in old]

    def streams(self, parting: Sequence[Backup]) -> list[str]:
        """Snapshots of the streams that no other backup names: who writes a manifest may name what is not his."""
        staying = {stream.snapshot for one in self.catalogue.backups if one not in parting for stream in one.manifest.streams}
        return sorted({stream.snapshot for one in parting for stream in one.manifest.streams} - staying)


def nothing() -> Known:
    """Of a repository that is still to be made."""
    return Known(Catalogue((), (), ()), Record(), {})


def _is_partial(backup: Backup) -> bool:
    """Or a backup of a part would take the place of one of all."""
    return backup.manifest.partial


class Vault:
    """One repository of bases, and in ``home`` what this host remembers of it. Methods raise StrongholdError.

    ``known`` writes nothing on this host unless ``caching``. ``group`` tells of a backup what it displaces others among: the
    policy holds for each group by itself.
    """

    def __init__(
        self, restic: Restic, home: Path, policy: Policy, *, caching: bool = True, group: Callable[[Backup], object] = _is_partial
    ) -> None:
        self.restic, self._home, self._policy, self._caching, self._group = restic, home, policy, caching, group

    def known(self) -> Known:
        """What is there now; what was not seen before counts as having arrived now."""
        now = datetime.now(timezone.utc)
        record = Record.read(self._home / RECORD)
        catalogue = look(self.restic, self._home / "manifests", caching=self._caching)
        present = [backup.snapshot for backup in catalogue.backups]
        others = [*(one.id for one in catalogue.strays), *(one for one, _error in catalogue.unreadable)]
        record.see([*present, *others], now, {base.snapshot: written(base) for base in catalogue.bases})
        reasons: dict[str, list[str]] = {}
        for backups in self.grouped(catalogue.backups):
            kept = [record.kept(backup) for backup in backups]
            reasons.update(keep(kept, self._policy, now, reached(catalogue.bases, now)))
        return Known(catalogue, record, reasons)

    def seen(self) -> Known:
        """``known``, and what is new is remembered, or, on a full disk, counts as having arrived later."""
        found = self.known()
        with suppress(StrongholdError):
            self._remember(found.record)
        return found

    def check(self) -> None:
        """The structure of the repository, and of its data a part that is another one each day of the week."""
        self.restic.check(datetime.now(timezone.utc).isoweekday(), WEEK)

    def chosen(self, known: Known, name: str | None) -> Backup:
        """The backup ``name``, or the newest one."""
        backup = known.catalogue.named(name) if name else known.newest
        if backup is None:
            attempt, reason = f"verify {name or 'the newest backup'}", "there is none of that name" if name else "there is none"
            raise StrongholdError(self.restic.host, attempt, reason, "see 'stronghold backup list'")
        return backup

    def prove(self, known: Known, name: str | None, tell: Tell) -> None:
        """Read all of the backup ``name``, or of the newest one."""
        backup = self.chosen(known, name)
        verify(self.restic, backup.manifest)
        known.record.verified[backup.manifest.id] = moments.text(time.time())
        self._remember(known.record)
        tell(f"verified the backup {backup.manifest.id}: all of it is as it was written")

    def drop(self, known: Known, tell: Tell) -> None:
        """Backups that no rule keeps, and what was left by those that failed a day ago or before.

        None of a group that would lose more than is usual, which is told once those of the others are gone.
        """
        now = reached(known.catalogue.bases, datetime.now(timezone.utc))
        grouped = self.grouped(known.parting(now))
        refusals = [excess(len(group), known.record.dropped) for group in grouped]
        parting = [backup for group, refusal in zip(grouped, refusals) if refusal is None for backup in group]
        ours = [one.id for one in known.catalogue.strays if any(tag.startswith(OF_BACKUP) for tag in one.tags)]
        strays = known.record.older(ours, now, DAY)
        known.record.went((), max((len(group) for group, refusal in zip(grouped, refusals) if refusal is None), default=0))
        self.part_with(known, parting, tell, strays)
        reason = next((refusal for refusal in refusals if refusal), None)
        if reason:
            remedy = "find out why; if it is meant, lower mongodb_backup_keep in steps"
            raise StrongholdError(self.restic.host, "drop old backups", reason, remedy)

    def part_with(self, known: Known, parting: Sequence[Backup], tell: Tell, strays: Sequence[str] = ()) -> None:
        """Drop these, and the snapshots ``strays``."""
        self.restic.forget([backup.snapshot for backup in parting])  # first, so that none is listed of which a part is gone
        self.restic.forget([*known.streams(parting), *strays])
        if parting or strays:
            self.restic.prune()
        staying = [one for one in known.catalogue.backups if one not in parting]
        known.record.want_oplog(staying, self._policy, datetime.now(timezone.utc))
        known.record.went(backup.manifest.id for backup in parting)
        self._remember(known.record)
        for backup in parting:
            tell(f"dropped the backup {backup.manifest.id}")

    def grouped(self, backups: Sequence[Backup]) -> list[list[Backup]]:
        """Those that displace each other, together."""
        groups: dict[object, list[Backup]] = {}
        for backup in backups:
            groups.setdefault(self._group(backup), []).append(backup)
        return list(groups.values())

    def _remember(self, record: Record) -> None:
        record.write(self._home / RECORD)


@contextmanager
def vault(settings: BackupSettings, attempt: str) -> Iterator[Vault]:
    """Alone with the repository for a block."""
    with settings.restic() as restic, locks.held(locks.BACKUP, restic.host, attempt):
        yield Vault(restic, settings.home, settings.keep)


def known(settings: BackupSettings, *, caching: bool = True) -> Known:
    """What there is now, also while a backup is taken; unless ``caching``, without a trace on this host."""
    with settings.restic(cached=caching) as restic:
        if not restic.exists():
            return nothing()
        return Vault(restic, settings.home, settings.keep, caching=caching).known()
