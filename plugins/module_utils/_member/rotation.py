# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that a running server takes up without a restart, with proof by a handshake.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._member import start_record
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import ServerError, connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe, pem, preflight
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import parse_names

with suppress(ImportError):
    from cryptography import x509

# The first wire version of 5.0, which brought the command rotateCertificates.
_ROTATING_WIRE_VERSION = 13


@dataclass(frozen=True)
class TlsFiles:
    """The files of net.tls that a server reads again when it is told to; ``names`` are those by which it is reached."""

    certificate: Path
    authorities: Path
    revocations: Path | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> TlsFiles:
        """From the option ``rotates``. Raises ValueError for a name that is none."""
        revocations = params["crl_file"]
        return cls(
            Path(params["certificate_key_file"]),
            Path(params["ca_file"]),
            Path(revocations) if revocations else None,
            parse_names(params["names"] or ()),
        )

    def paths(self) -> list[str]:
        return [str(path) for path in (self.certificate, self.authorities, self.revocations) if path]

    def problems(self, now: datetime) -> list[str]:
        """Why a server with these files would be refused, or would refuse them. An OSError passes through."""
        lists = self.revocations.read_bytes() if self.revocations else None
        return preflight.problems(self.certificate.read_bytes(), self.authorities.read_bytes(), lists, now, names=self.names)

    def certificate_now(self) -> x509.Certificate:
        return pem.read_pair(self.certificate.read_bytes()).certificate


def suffices(happened: Mapping[str, str], files: TlsFiles, hello: Mapping[str, Any]) -> bool:
    """Whether what ``happened`` to the files since the start can be made up for without a restart."""
    changed = {path for path, what in happened.items() if what == "changed"}
    understands: int = hello.get("maxWireVersion", 0)
    return bool(happened) and changed == set(happened) <= set(files.paths()) and understands >= _ROTATING_WIRE_VERSION


class Rotation:
    """Judging and rotating the files of the server at ``login``, whose unit keeps ``record``."""

    def __init__(self, login: Login, files: TlsFiles, record: Path) -> None:
        self._login = login
        self._record = record
        self.files = files

    def require_good_files(self, attempt: str, known_as: str = "") -> None:
        """Raises StrongholdError where the server or its peers would refuse the files as they are.

        ``known_as`` is the host in the member's address in its running set, by which the others reach it.
        """
        files = replace(self.files, names=(*self.files.names, known_as)) if self.files.names and known_as else self.files
        try:
            problems = files.problems(_now())
        except OSError as error:
            problems = [f"{error.filename} cannot be read ({error.strerror})"]
        if problems:
            reason = f"the files that it would use are not good: {'; '.join(problems)} ({', '.join(self.files.paths())})"
            raise StrongholdError(platform.node(), attempt, reason, "mend the files; the server was left as it is")

    def carry_out(self) -> str:
        """Rotate and prove; why it did not work, as a clause, empty when it did."""
        paths = self.files.paths()
        before = start_record.digests(paths)
        wanted = self.files.certificate_now()
        try:
            with connect(self._login.at(self._login.host, self._login.port), "rotate the certificates") as client:
                client.admin.command({"rotateCertificates": 1, "message": "stronghold.mongodb"})
        except StrongholdError as error:
            return f"it refused to rotate its certificates ({error.reason})"
        problem = self._disproof(wanted)
        if not problem:
            start_record.renew(self._record, before, start_record.digests(paths))
        return problem

    def expired(self) -> str:
        """That the running server presents a certificate which has ended, as a clause; empty where it does not."""
        found = self._presented().certificate
        if found is None or validity(found)[1] > _now():
            return ""
        return f"it presents a certificate that expired on {moments.text(validity(found)[1])} (serial {describe.serial(found)})"

    def shut_out(self, error: StrongholdError) -> str:
        """That the server verifies, ends connections, and runs with other revocation lists than are on disk, as a clause.

        With a list that has ended it refuses every certificate, and nobody can tell it to take up another one.
        """
        lists = str(self.files.revocations)
        closed = isinstance(error, ServerError) and error.closed
        if not closed or (start_record.since_start(self._record) or {}).get(lists) != "changed":
            return ""
        found = self._presented()
        if found.certificate is None or found.problem:
            return ""
        return f"it ends connections as with a revocation list that has ended, and {lists} changed since the server started"

    def _disproof(self, wanted: x509.Certificate) -> str:
        found = self._presented()
        if found.certificate is None or found.problem:
            return f"after the rotation it cannot be verified ({found.problem})"
        if found.certificate != wanted:
            return f"after the rotation it still presents the certificate with serial {describe.serial(found.certificate)}"
        return ""

    def _presented(self) -> Any:
        own = None if self._login.tls_certificate_key_password else self._login.tls_certificate_key_file
        return presented(
            self._login.host,
            self._login.port,
            str(self.files.authorities),
            certificate_file=own,
            crl_file=str(self.files.revocations) if self.files.revocations else None,
            timeout=self._login.timeout,
        )


def _now() -> datetime:
    return datetime.now(timezone.utc)
