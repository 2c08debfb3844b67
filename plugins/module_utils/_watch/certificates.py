# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Says in time which certificate is near its end, faulty, or not the one that the server presents.

One line for each thing that it looked at, one failure for each that needs somebody, and metrics where asked for.
With an issuer on the host it renews what that issuer vouches for, and has the server take it up.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import library
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.look import Look
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.renewal import Renewal
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import CertificateSettings, WatchedCertificate

# Seconds in which a server may present something older than its file: the other hosts of a run have their turn first.
GRACE = 3600
RENEW = "run the playbook stronghold.mongodb.site"
REPLACE = "replace it, an authority of this collection by the playbook stronghold.mongodb.replace_authority"


@dataclass
class Subject:
    """A certificate, an authority or a revocation list, as found. Without an ``end`` it could not be read."""

    title: str
    labels: Mapping[str, str]
    remedy: str = RENEW
    end: str | None = None
    days_left: int = 0
    near_end: bool = False
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        serial = f"serial {self.labels['serial']}, " if "serial" in self.labels else ""
        return f"{self.title}: {serial}{self.days_left} days left, until {self.end}"

    def failure(self, host: str) -> StrongholdError | None:
        soon = [f"it ends in {self.days_left} days, on {self.end}"] if self.near_end and self.days_left >= 0 else []
        reasons = [*self.problems, *soon]
        return StrongholdError(host, f"vouch for {self.title}", "; ".join(reasons), self.remedy) if reasons else None


def watch(settings: CertificateSettings, tell: Callable[[str], object]) -> list[StrongholdError]:
    """Look at all of it once, and return what needs somebody."""
    host = platform.node()
    problem = library.problem()
    if problem:
        raise StrongholdError(host, "look at certificates", problem, "apply stronghold.mongodb.mongodb_host")
    issuer = settings.issuer()
    failures = _kept_up(settings, issuer, tell) if issuer else []
    look = _look(settings)
    subjects = _found(look, settings)
    owners = {subject.labels["path"]: subject for subject in subjects}
    for entry in settings.servers:
        try:
            notes, problems = compared(look.server(vars(entry)), _age(entry.path))
        except StrongholdError as error:
            failures.append(error)
            continue
        owners[entry.path].problems += problems
        for note in notes:
            tell(note)
    for subject in subjects:
        if subject.end is not None:
            tell(subject.line())
    failures += [failure for failure in (subject.failure(host) for subject in subjects) if failure]
    if settings.metrics_file:
        try:
            metrics.write(Path(settings.metrics_file), gauges(subjects, look.now))
        except OSError as error:
            remedy = "make its directory, or choose another one"
            failures.append(StrongholdError(host, f"write {settings.metrics_file}", f"of '{error.strerror}'", remedy))
        except StrongholdError as error:
            failures.append(error)
    return failures


def _look(settings: CertificateSettings) -> Look:
    return Look(vars(settings), platform.node())


def _kept_up(settings: CertificateSettings, issuer: WatchedCertificate, tell: Callable[[str], object]) -> list[StrongholdError]:
    """Renew by the issuer on this host, have servers take up what is new, and return what failed."""
    renewal = Renewal(settings, issuer, tell)
    failures = renewal.certificates()
    look = _look(settings)
    for entry in settings.servers:
        with suppress(StrongholdError):  # which is told when all is looked at
            server = look.server(vars(entry))
            due = renewal.is_own(entry.path) or _age(entry.path) >= GRACE
            if entry.record and server["presented"] and not server["matches_file"] and due:
                failures += renewal.rotate(entry, entry.record)
    return failures


def _found(look: Look, settings: CertificateSettings) -> list[Subject]:
    subjects = []
    for entry in settings.certificates:
        try:
            subjects.append(of_certificate(look.certificate(vars(entry))))
        except StrongholdError as error:
            labels = {"path": entry.path, "kind": entry.kind}
            subjects.append(Subject(entry.path, labels, problems=[error.reason]))
    subjects += [of_authority(item, settings.ca_file) for item in look.authorities()]
    subjects += [of_list(item, str(settings.crl_file)) for item in look.revocation_lists()]
    kinds = {settings.ca_file: "authority", str(settings.crl_file): "revocation_list"}
    subjects += [
        Subject(item["path"], {"path": item["path"], "kind": kinds[item["path"]]}, problems=item["problems"])
        for item in look.trust_files
    ]
    return subjects


def of_certificate(item: Mapping[str, Any]) -> Subject:
    """From a result of ``Look.certificate``."""
    labels = {name: item[name] for name in ("path", "kind", "subject", "serial") if item[name] is not None}
    return Subject(
        item["path"], labels, RENEW, item["not_after"], item["days_left"] or 0, bool(item["near_end"]), list(item["problems"])
    )


def of_authority(item: Mapping[str, Any], path: str) -> Subject:
    """From one of ``Look.authorities``."""
    labels = {"path": path, "kind": "authority", "subject": item["subject"], "serial": item["serial"]}
    over = [f"it expired on {item['not_after']}"] if item["days_left"] < 0 else []
    title = f"the authority {item['subject']} in {path}"
    return Subject(title, labels, REPLACE, item["not_after"], item["days_left"], item["near_end"], over)


def of_list(item: Mapping[str, Any], path: str) -> Subject:
    """From one of ``Look.revocation_lists``."""
    labels = {"path": path, "kind": "revocation_list", "subject": item["issuer"]}
    title = f"the revocation list of {item['issuer']} in {path}"
    return Subject(title, labels, RENEW, item["next_update"], item["days_left"], item["near_end"], list(item["problems"]))


def compared(server: Mapping[str, Any], age: float) -> tuple[list[str], list[str]]:
    """Notes and problems: what a server presents, and its certificate's file, written ``age`` seconds ago.

    That a server is down is told by others, and no fault of its certificate.
    """
    address = f"{server['host']}:{server['port']}"
    if not server["answered"]:
        return [f"{address} does not answer ({server['problems'][0]}), so that what it presents is unknown"], []
    serial = server["presented"]["serial"] if server["presented"] else ""
    refused = [] if server["verified"] else [f"clients refuse {address} ({server['problems'][0]})"]
    if not serial or server["matches_file"]:
        return [], refused
    other = f"{address} still presents serial {serial}"
    return ([other], refused) if age < GRACE else ([], [other, *refused])


def gauges(subjects: Sequence[Subject], now: datetime) -> list[metrics.Gauge]:
    """What an alarm is made of; the soonest end first, which counts where two things have the same labels."""
    end = metrics.Gauge("mongodb_certificate_not_after_seconds", "When it ends, in seconds since 1970.")
    near = metrics.Gauge("mongodb_certificate_near_end", "Whether it should have been renewed by now.")
    faults = metrics.Gauge("mongodb_certificate_problems", "How many reasons there are for which it is, or will be, refused.")
    looked = metrics.Gauge("mongodb_certificate_looked_at_seconds", "When all of them were looked at, in seconds since 1970.")
    for subject in sorted(subjects, key=lambda subject: subject.days_left):
        if subject.end is not None:
            end.add(subject.labels, moments.parse(subject.end).timestamp())
            near.add(subject.labels, float(subject.near_end))
        faults.add(subject.labels, len(subject.problems))
    looked.add({}, int(now.timestamp()))
    return [end, near, faults, looked]


def _age(path: str) -> float:
    with suppress(OSError):
        return time.time() - Path(path).stat().st_mtime
    return 0.0
