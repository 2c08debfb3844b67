# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that the timer renews by an issuer on the host, and servers that take them up.

Both are done from what is found, so that a run which was interrupted is finished by the next one.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.rotation import Rotation, TlsFiles
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import PYMONGO_IMPORT_ERROR
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe, judge, pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import sign_again
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import renew_before_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import parse_names, unvouched
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import KEY_TYPES, key_type_of, make_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.survey import Survey
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import (
    ISSUER,
    CertificateSettings,
    WatchedCertificate,
    WatchedServer,
)

# What a new certificate has to live longer than the present one, for a new one to be made.
GAIN = timedelta(days=1)
REMEDY = "run the playbook stronghold.mongodb.site"


class Renewal:
    """One run on this host, with an issuer among the certificates of the settings."""

    def __init__(self, settings: CertificateSettings, issuer: WatchedCertificate, tell: Callable[[str], object]) -> None:
        self._settings = settings
        self._tell = tell
        self._host = platform.node()
        self._now = datetime.now(timezone.utc)
        self._issuer_file = Path(issuer.path)

    def certificates(self) -> list[StrongholdError]:
        """Renew what is near its end, and return what failed. What is not changed by it is for others to judge."""
        failures = []
        entries = [entry for entry in self._settings.certificates if entry.kind != ISSUER]
        try:
            with locks.held(locks.CERTIFICATES, self._host, "renew certificates"):
                for entry in entries:
                    try:
                        self._renew(entry)
                    except (OSError, ValueError) as error:
                        failures.append(StrongholdError(self._host, f"renew {entry.path}", str(error), REMEDY))
                    except StrongholdError as error:
                        failures.append(error)
        except StrongholdError as error:  # another run has them; the next one looks again
            failures.append(error)
        return failures

    def is_own(self, path: str) -> bool:
        """Whether the certificate there was signed by the issuer on this host, and not by a run of Ansible."""
        try:
            return judge.issued_by(*(pem.read_pair(Path(item).read_bytes()).certificate for item in (path, self._issuer_file)))
        except (OSError, ValueError):
            return False

    def _renew(self, entry: WatchedCertificate) -> None:
        path = Path(entry.path)
        data = files.read(path)
        if data is None:
            return
        present = pem.read_pair(data)
        trusted = pem.read_certificates(Path(self._settings.ca_file).read_bytes())
        survey = Survey(self._now, trusted, (), renew_before_of(self._settings.renew_before))
        if not survey.near_end(present.certificate):
            return
        issuer = pem.read_pair(self._issuer_file.read_bytes())
        reasons = judge.faults(issuer, trusted, self._now, kind=ISSUER)
        end = min(self._now + timedelta(days=entry.days), validity(issuer.certificate)[1])
        if not reasons and end - validity(present.certificate)[1] < GAIN:
            return
        new = self._issued(present, issuer, entry.days) if not reasons else present
        if not reasons:
            names = parse_names(entry.names)
            outside = unvouched(issuer.certificate, new.certificate)
            reasons = judge.faults(new, trusted, self._now, kind=entry.kind, names=names)
            reasons += [f"the issuer does not vouch for {', '.join(outside)}"] if outside else []
        if reasons:
            raise StrongholdError(self._host, f"renew {path} by {self._issuer_file}", "; ".join(reasons), REMEDY)
        state = path.stat()
        files.write(path, pem.write_pair(new), files.mode(path), state.st_uid, state.st_gid)
        until = moments.text(validity(new.certificate)[1])
        self._tell(f"renewed {path}: serial {describe.serial(new.certificate)}, until {until}")

    def _issued(self, present: pem.Pair, issuer: pem.Pair, days: int) -> pem.Pair:
        key_type = key_type_of(present.certificate.public_key())
        key = make_key(key_type if key_type in KEY_TYPES else KEY_TYPES[0])
        certificate = sign_again(issuer, present.certificate, key.public_key(), days, self._now)
        return pem.Pair(certificate, (issuer.certificate, *issuer.chain), key)

    def rotate(self, server: WatchedServer, record: str) -> list[StrongholdError]:
        """Have a server whose unit keeps ``record`` take up its files, with proof, and return what failed."""
        attempt = f"have {server.host}:{server.port} take up {server.path}"
        if PYMONGO_IMPORT_ERROR:
            return [StrongholdError(self._host, attempt, "PyMongo is missing", "apply stronghold.mongodb.mongodb_host")]
        names = next(entry.names for entry in self._settings.certificates if entry.path == server.path)
        crl_file, ca_file = self._settings.crl_file, self._settings.ca_file
        tls_files = TlsFiles(Path(server.path), Path(ca_file), Path(crl_file) if crl_file else None, parse_names(names))
        login = Login(
            server.host,
            server.port,
            auth_mechanism="MONGODB-X509",
            tls_ca_file=ca_file,
            tls_certificate_key_file=server.certificate_key_file,
            timeout=self._settings.timeout,
        )
        rotation = Rotation(login, tls_files, Path(record))
        try:
            rotation.require_good_files(attempt)
            reason = rotation.carry_out()
        except StrongholdError as error:
            return [error]
        if reason:
            return [StrongholdError(self._host, attempt, reason, REMEDY)]
        self._tell(f"{server.host}:{server.port} has taken up {server.path} without a restart")
        return []
