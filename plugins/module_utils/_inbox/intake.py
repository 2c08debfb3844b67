# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes what members sent into a vault that none of them reaches, and makes an inbox anew that is full or spoilt.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import DAY, Known, Tell, Vault
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, metrics, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox import announced
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.folder import Folder
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.memory import Memory, Remembered
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.quota import measured
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.report import gauges
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.serving import closed
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import IntakeSettings, Source
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository import manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic, Snapshot
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError

ATTEMPT = "take in what members sent"
A_DAY = 4
"""Backups of one member that are taken in within a day: who has it in his hands fills no disk."""
_EMPTIED = 0.5  # of its quota, above which an inbox is made anew, so that its server need not close it
_MANY, _FLOOD = 200, 2000  # snapshots, of which a member makes two a day: from there on it is made anew, and that is told
_NOT_OF_THE_INBOX = (Kind.FULL, Kind.LOCKED)


def member_of(backup: Backup) -> str:
    """Retention is of each by itself, or one could displace the backups of the others."""
    return backup.manifest.member


class _Post(NamedTuple):
    """An inbox that is open, and what is remembered of it."""

    source: Source
    folder: Folder
    inbox: Restic
    known: Remembered


class _Vaulted(NamedTuple):
    """The vault before the run: what is known of it, ids of which it has copies, and ids of backups, to which the run adds."""

    known: Known
    copied: set[str]
    names: set[str]


class Intake:
    """One run. ``vault`` is the repository, alone with this run."""

    def __init__(self, settings: IntakeSettings, vault: Restic, tell: Tell) -> None:
        self._settings, self._vault, self._tell = settings, vault, tell
        self._place = Vault(vault, settings.home, settings.keep, group=member_of)
        self._memory = Memory.read(settings.home)
        self.failures: list[StrongholdError] = []

    def run(self) -> None:
        if not self._vault.exists():
            self._vault.make()
            self._tell(f"made the repository {self._settings.repository}")
        vaulted = self._look()
        for source in self._settings.inboxes:
            self._try(lambda source=source: self._take_in(source, vaulted))  # type: ignore[misc]
        found = self._place.seen()
        self.failures += [error for _snapshot, error in found.catalogue.unreadable]
        if self._is_to_be_tended() and self._tended(found):
            self._memory.tended = moments.text(time.time())
        self._memory.ran = moments.text(time.time())
        self._memory.failure = " ".join(map(str, self.failures))
        self._try(lambda: self._memory.write(self._settings.home))
        self._try(self._measure)

    def _try(self, step: Callable[[], object]) -> bool:
        try:
            step()
        except StrongholdError as error:
            self.failures.append(error)
            return False
        except OSError as error:
            self.failures.append(StrongholdError(platform.node(), ATTEMPT, f"of '{error}'", "see the folder that it names"))
            return False
        return True

    def _tended(self, found: Known) -> bool:
        """The vault is whole, newest backups are proved, and old ones dropped; not where something is wrong."""
        return self._try(self._place.check) and self._proved(found) and self._try(lambda: self._place.drop(found, self._tell))

    def _proved(self, found: Known) -> bool:
        """The newest of each member, unless one of it was within the week."""
        well = True
        for backups in self._place.grouped(found.catalogue.backups):
            newest = found.newest_of(backups)
            if newest and found.proof_is_due(backups):
                name = newest.manifest.id
                well = self._try(lambda name=name: self._place.prove(found, name, self._tell)) and well  # type: ignore[misc]
        return well

    def _is_to_be_tended(self) -> bool:
        last = self._memory.tended
        return not last or not _is_of_today(last)

    def _look(self) -> _Vaulted:
        found = self._place.known()
        copied = {one.original for one in self._vault.snapshots() if one.original}
        return _Vaulted(found, copied, {backup.manifest.id for backup in found.catalogue.backups})

    def _take_in(self, source: Source, vaulted: _Vaulted) -> None:
        folder = Folder(self._settings.sources, source.name, self._settings.password)
        known = self._memory.of(source.name)
        if not folder.is_there or not known.keys:
            self._make(folder, source, known)
            return
        if folder.snapshots > _FLOOD:  # restic would read them one by one
            self._replace(folder, source, known, f"it has {folder.snapshots} snapshots")
        folder.tidy(known.keys)
        try:
            with folder.opened() as inbox:
                all_in = self._copy(_Post(source, folder, inbox, known), vaulted)
        except RepositoryError as error:
            if error.kind in _NOT_OF_THE_INBOX or folder.is_being_written():
                raise
            self._replace(folder, source, known, f"it cannot be read ({error.reason})")
            return
        junk = folder.junk()
        if junk:
            self._replace(folder, source, known, junk)
        elif all_in and self._is_used_up(folder, source) and self._may_move(folder):
            folder.set_aside()
            self._make(folder, source, known)
            folder.forget_aside()

    def _make(self, folder: Folder, source: Source, known: Remembered) -> None:
        if folder.is_there:  # of a host that has lost its memory
            folder.set_aside()
        known.keys, known.taken, known.refused = folder.make(self._vault, source.key), [], {}
        self._memory.write(self._settings.home)
        self._tell(f"made the inbox {source.name}")

    def _replace(self, folder: Folder, source: Source, known: Remembered, why: str) -> None:
        """By an empty one, and say so: whoever wrote that may have the member in his hands."""
        folder.set_aside()
        self._make(folder, source, known)
        remedy = f"find out what wrote that on {source.name}; it is in {folder.aside}"
        raise StrongholdError(platform.node(), f"use the inbox {source.name} as it was", why, remedy)

    def _is_used_up(self, folder: Folder, source: Source) -> bool:
        return folder.snapshots > _MANY or measured(folder.path) > source.quota * _EMPTIED

    def _may_move(self, folder: Folder) -> bool:
        """Nobody would write the one half of something there, and the other half here."""
        states = closed(self._settings.sources)
        return not folder.is_in_use() or bool((states or {}).get(folder.name))

    def _copy(self, post: _Post, vaulted: _Vaulted) -> bool:
        """Have copies of its backups; whether all that is in it was dealt with."""
        listed, known = post.inbox.snapshots(), post.known
        known.taken = [one.id for one in listed if one.id in vaulted.copied or one.id in known.taken]
        known.refused = {one.id: known.refused[one.id] for one in listed if one.id in known.refused}
        new = announced.manifests(listed, {*known.taken, *known.refused})
        left = self._left_today(post.source, vaulted.known)
        for one in new[: announced.MOST]:
            found = self._read(post, one, listed, vaulted.names)
            if found is None:
                continue
            if not left:
                raise self._too_many(post.source)
            self._require_room(post.folder)
            self._vault.copy(post.inbox, [*(stream.snapshot for stream in found.streams), one.id])
            self._tell(f"took in the backup {found.id} of {found.member}")
            known.taken.append(one.id)
            vaulted.names.add(found.id)
            left -= 1
        return len(new) <= announced.MOST

    def _read(self, post: _Post, one: Snapshot, listed: Sequence[Snapshot], names: set[str]) -> manifest.Manifest | None:
        """The manifest that it is; None of what is refused, which is told once, and never read again."""
        inbox, name = post.inbox, post.source.name
        sender = announced.Sender(name, self._settings.replica_set)
        try:
            reason = announced.strange(one, inbox.files(one.id))
            found = None if reason else manifest.read(platform.node(), inbox.read(one.id, manifest.NAME).decode(errors="replace"))
            reason = reason or (announced.refusal(found, listed, sender, names) if found else None)
        except RepositoryError:
            raise
        except StrongholdError as error:
            reason = error.reason
        if reason is None:
            return found
        post.known.refused[one.id] = reason
        self._memory.write(self._settings.home)
        remedy = f"find out what wrote it on {name}"
        self.failures.append(StrongholdError(platform.node(), f"take in the backup {one.id[:8]} of {name}", reason, remedy))
        return None

    def _left_today(self, source: Source, there: Known) -> int:
        young = [
            backup
            for backup in there.catalogue.backups
            if backup.manifest.member.rpartition(":")[0] == source.name and _is_of_today(there.record.arrived[backup.snapshot])
        ]
        return max(0, A_DAY - len(young))

    def _too_many(self, source: Source) -> StrongholdError:
        remedy = f"find out what makes so many on {source.name}; the others are taken in tomorrow"
        return StrongholdError(platform.node(), ATTEMPT, f"{source.name} sent more than {A_DAY} backups within a day", remedy)

    def _require_room(self, folder: Folder) -> None:
        """For all that the inbox has: how much of it is new to the vault is not known before."""
        free = shutil.disk_usage(Path(self._settings.repository)).free
        wanted = measured(folder.path) + self._settings.reserve
        if free < wanted:
            reason = f"the disk of {self._settings.repository} has {free} bytes left, and up to {wanted} are needed"
            raise StrongholdError(platform.node(), ATTEMPT, reason, "make room there, or keep fewer backups")

    def _measure(self) -> None:
        if self._settings.metrics_file:
            found = self._place.known()
            states = closed(self._settings.sources)
            metrics.write(Path(self._settings.metrics_file), gauges(found, self._memory, states, time.time()))


def _is_of_today(time_of: str) -> bool:
    return moments.is_recent(moments.parse(time_of), DAY, datetime.now(timezone.utc))


def intake(settings: IntakeSettings, tell: Tell) -> list[StrongholdError]:
    """What failed while the rest was done. Raises StrongholdError where the vault cannot be used."""
    with locks.held(locks.INTAKE, platform.node(), ATTEMPT), settings.restic() as vault:
        run = Intake(settings, vault, tell)
        run.run()
        return run.failures


def known(settings: IntakeSettings) -> Known:
    """What the vault has, without a trace on this host."""
    with settings.restic() as vault:
        return Vault(vault, settings.home, settings.keep, caching=False, group=member_of).known()
