# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup host does once a day: take a backup, prove what is there, drop what has had its time.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import Selection
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.gauges import gauges
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.members import preferred
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known, Tell, vault
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import BackupSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.meter import meter
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError

_FOLLOWING = ("stronghold-offsite.service", "stronghold-drill.service")


def daily(settings: BackupSettings, tell: Tell) -> list[StrongholdError]:
    """All of it once; what failed. Where none could be taken, unless for want of room, or one is not whole, none is dropped."""
    failures: list[StrongholdError] = []

    def tried(step: Callable[[], object]) -> bool:
        try:
            step()
        except StrongholdError as error:
            failures.append(error)
            return False
        return True

    with vault(settings, "take a backup") as place:
        taken = tried(lambda: take(settings, place.restic, tell))
        found = place.seen()
        failures += [error for _snapshot, error in found.catalogue.unreadable]
        sound = tried(place.check)
        if taken and found.proof_is_due(found.catalogue.bases):
            sound = tried(lambda: place.prove(found, None, tell)) and sound
        full = any(isinstance(error, RepositoryError) and error.kind is Kind.FULL for error in failures)
        if (taken or full) and sound:
            tried(lambda: place.drop(place.seen(), tell))
        tried(lambda: measure(settings, place.seen()))
    if taken:
        _begin_what_follows()
    return failures


def take(settings: BackupSettings, restic: Restic, tell: Tell, selection: Selection | None = None) -> str:
    """A backup of all, or of what is selected, from the member that misses it least; its id. Raises StrongholdError."""
    if not restic.exists():
        restic.make()
        tell(f"made the repository {settings.repository}")
    begun = time.monotonic()
    member = preferred(settings.login, settings.addresses)[0]
    with meter() as advance:
        taken = Capture(member, restic, selection or Selection(), rate=settings.rate << 20, advance=advance).run()
    documents, size = sum(item.documents for item in taken.items), sum(stream.size for stream in taken.streams)
    spent = time.monotonic() - begun
    tell(f"took the backup {taken.id} of {member.address}: {documents} documents, {size} bytes, {spent:.1f} s")
    return taken.id


def measure(settings: BackupSettings, known: Known) -> None:
    """Leave the metrics. Raises StrongholdError."""
    path = settings.metrics_file
    try:
        if path:
            metrics.write(Path(path), gauges(known.catalogue, known.record, time.time()))
    except OSError as error:
        reason, remedy = f"of '{error.strerror}'", "make its directory, or room in it"
        raise StrongholdError(platform.node(), f"write {path}", reason, remedy) from error


def _begin_what_follows() -> None:
    """The copies elsewhere, and a drill, which does nothing where none is due. A service that is not there is not wanted."""
    for service in map(Systemd, _FOLLOWING):
        with suppress(StrongholdError):  # then its timer will
            if service.is_installed():
                service.begin()
