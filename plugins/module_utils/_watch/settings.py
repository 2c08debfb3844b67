# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``stronghold certificates`` looks at.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit, unusable
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import located
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import THIRD
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import KINDS

ISSUER = "issuer"


@dataclass(frozen=True)
class WatchedCertificate:
    """A file with a certificate and its key. ``kind`` is one of ``_pki.profile.KINDS``, ``names`` are those that it needs.

    ``days`` is its life where an issuer on the host renews it.
    """

    path: str
    kind: str = KINDS[0]
    names: tuple[str, ...] = ()
    days: int = 365


@dataclass(frozen=True)
class WatchedServer:
    """A server that should present the certificate in ``path``, one of those watched.

    ``certificate_key_file`` is what a client presents to it. ``record`` is a file of ``_member.rotation.Rotation``, and given
    where the server is to take up what was renewed.
    """

    host: str
    path: str
    port: int = 27017
    certificate_key_file: str | None = None
    record: str | None = None


@dataclass(frozen=True)
class CertificateSettings:
    """Paths are absolute. ``renew_before`` is a number of days, as text, or "third" of the life; ``timeout`` is in seconds.

    ``metrics_file`` receives metrics for the textfile collector of Prometheus' node exporter.
    """

    ca_file: str
    certificates: tuple[WatchedCertificate, ...]
    crl_file: str | None = None
    servers: tuple[WatchedServer, ...] = ()
    renew_before: str = THIRD
    timeout: int = 10
    metrics_file: str | None = None

    def issuer(self) -> WatchedCertificate | None:
        """The authority on this host that renews the others."""
        return next((entry for entry in self.certificates if entry.kind == ISSUER), None)


def accepted(found: Mapping[str, Any]) -> CertificateSettings:
    """Of a JSON object with the fields of ``CertificateSettings``, lists for tuples. Raises StrongholdError with all reasons."""
    reasons = unfit(CertificateSettings, found) or [*_unfit_entries(found)]
    if not reasons:
        certificates = tuple(filled(WatchedCertificate, entry) for entry in found["certificates"])
        servers = tuple(filled(WatchedServer, located(entry)) for entry in found.get("servers", ()))
        settings = filled(CertificateSettings, {**found, "certificates": certificates, "servers": servers})
        reasons = [*_contradictions(settings)]
    if reasons:
        raise unusable("certificates", reasons)
    return settings


def _unfit_entries(found: Mapping[str, Any]) -> Iterator[str]:
    for name, kind, title in (("certificates", WatchedCertificate, "a certificate"), ("servers", WatchedServer, "a server")):
        entries = found.get(name, [])
        if not isinstance(entries, list):
            yield f"{name} is no list"
            continue
        for entry in entries:
            yield from unfit(kind, entry, title) or (_unfit_address(entry) if kind is WatchedServer else ())


def _unfit_address(server: Mapping[str, Any]) -> Iterator[str]:
    try:
        located(server)
    except ValueError as error:
        yield f"of a server {error}"


def _contradictions(settings: CertificateSettings) -> Iterator[str]:
    if len([entry for entry in settings.certificates if entry.kind == ISSUER]) > 1:
        yield "there is more than one issuer"
    paths = [entry.path for entry in settings.certificates]
    if not all(server.path in paths for server in settings.servers):
        yield "the path of a server is that of no certificate"
