# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold certificates``: says in time which certificate is near its end, faulty, or not the one that the server presents.

Run once a day. One line for each thing that it looked at, one failure for each that needs somebody, and metrics where asked for.
With an issuer on the host it renews what that issuer vouches for, and has the server take it up.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import library
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import THIRD
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.look import Look
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import KINDS
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.renewal import ISSUER, Renewal

# Seconds in which a server may present something older than its file: the other hosts of a run have their turn first.
GRACE = 3600
_REQUIRED = ("ca_file", "certificates")
_OPTIONAL: Mapping[str, Any] = {"crl_file": None, "servers": (), "renew_before": THIRD, "timeout": 10, "metrics_file": None}
_OF_CERTIFICATE: Mapping[str, Any] = {"kind": KINDS[0], "names": (), "days": 365}
_OF_SERVER: Mapping[str, Any] = {"port": 27017, "certificate_key_file": None, "record": None}
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


def run(settings: Mapping[str, Any], tell: Callable[[str], object]) -> list[StrongholdError]:
    """``settings`` as ``accepted`` takes them."""
    host = platform.node()
    settings = accepted(settings, host)
    problem = library.problem()
    if problem:
        raise StrongholdError(host, "look at certificates", problem, "apply stronghold.mongodb.mongodb_host")
    issues = any(entry["kind"] == ISSUER for entry in settings["certificates"])
    failures = _kept_up(settings, tell) if issues else []
    look = Look(settings, host)
    subjects = _found(look, settings)
    owners = {subject.labels["path"]: subject for subject in subjects}
    for entry in settings["servers"]:
        try:
            notes, problems = compared(look.server(entry), _age(entry["path"]))
        except StrongholdError as error:
            failures.append(error)
            continue
        owners[entry["path"]].problems += problems
        for note in notes:
            tell(note)
    for subject in subjects:
        if subject.end is not None:
            tell(subject.line())
    failures += [failure for failure in (subject.failure(host) for subject in subjects) if failure]
    if settings["metrics_file"]:
        try:
            metrics.write(Path(settings["metrics_file"]), gauges(subjects, look.now))
        except OSError as error:
            remedy = "make its directory, or choose another one"
            failures.append(StrongholdError(host, f"write {settings['metrics_file']}", f"of '{error.strerror}'", remedy))
        except StrongholdError as error:
            failures.append(error)
    return failures


def accepted(settings: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Complete settings, which are the options of ``mongodb_tls_info`` with these differences.

    There may be a ``metrics_file``. A certificate has ``days``, its life where an issuer on the host, at most one, renews it.
    A server needs the path of a certificate, and has a ``record`` (of ``Rotation``) where it is to take up what was renewed.
    """
    given = {**_OPTIONAL, **settings}
    reasons = [f"{name} is missing" for name in _REQUIRED if name not in given]
    reasons += [f"it knows no {name}" for name in sorted(set(given) - {*_REQUIRED, *_OPTIONAL})]
    if not reasons:
        given["certificates"] = [{**_OF_CERTIFICATE, **entry} for entry in given["certificates"]]
        given["servers"] = [{**_OF_SERVER, **entry} for entry in given["servers"]]
        reasons += list(_incomplete(given["certificates"], given["servers"]))
    if reasons:
        raise StrongholdError(host, "accept the settings of the command certificates", "; ".join(reasons), "correct them")
    return given


def _incomplete(certificates: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    paths = [entry["path"] for entry in certificates if "path" in entry]
    if len(paths) < len(certificates):
        yield "a certificate has no path"
    if len([entry for entry in certificates if entry["kind"] == ISSUER]) > 1:
        yield "there is more than one issuer"
    if not all("host" in entry for entry in servers):
        yield "a server has no host"
    if not all(entry.get("path") in paths for entry in servers):
        yield "the path of a server is that of no certificate"


def _kept_up(settings: Mapping[str, Any], tell: Callable[[str], object]) -> list[StrongholdError]:
    """Renew by the issuer on this host, have servers take up what is new, and return what failed."""
    renewal = Renewal(settings, tell)
    failures = renewal.certificates()
    look = Look(settings, platform.node())
    for entry in settings["servers"]:
        with suppress(StrongholdError):  # which is told when all is looked at
            server = look.server(entry)
            due = renewal.is_own(entry["path"]) or _age(entry["path"]) >= GRACE
            if entry["record"] and server["presented"] and not server["matches_file"] and due:
                failures += renewal.rotate(entry)
    return failures


def _found(look: Look, settings: Mapping[str, Any]) -> list[Subject]:
    subjects = []
    for entry in settings["certificates"]:
        try:
            subjects.append(of_certificate(look.certificate(entry)))
        except StrongholdError as error:
            labels = {"path": entry["path"], "kind": entry["kind"]}
            subjects.append(Subject(entry["path"], labels, problems=[error.reason]))
    subjects += [of_authority(item, settings["ca_file"]) for item in look.authorities()]
    subjects += [of_list(item, settings["crl_file"]) for item in look.revocation_lists()]
    kinds = {settings["ca_file"]: "authority", settings["crl_file"]: "revocation_list"}
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
            end.add(subject.labels, _seconds(subject.end))
            near.add(subject.labels, float(subject.near_end))
        faults.add(subject.labels, len(subject.problems))
    looked.add({}, int(now.timestamp()))
    return [end, near, faults, looked]


def _seconds(moment: str) -> float:
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def _age(path: str) -> float:
    with suppress(OSError):
        return time.time() - Path(path).stat().st_mtime
    return 0.0
