# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The private authority, kept in a folder on the controller.

The folder holds ``ca.key`` (PKCS #8, encrypted) and ``ca.pem`` (the certificate, written last: where it is, the
authority is complete), and ``crl.pem`` once a revocation list was asked for; what it says is the record of what was
revoked. Any number of processes may use it at once.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, moments, secrets
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.secrets import CONTROLLER
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.judge import BACKDATED
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import (
    Permitted,
    Subject,
    rfc2253,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import (
    Pair,
    PemError,
    public_bytes,
    read_certificates,
    read_lists,
    write_certificates,
    write_key,
    write_lists,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import (
    authority_usages,
    key_type_of,
    make_key,
    usages,
)

with suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization


@dataclass(frozen=True)
class AuthorityFolder:
    """Where an authority is or will be, and how it is made when it is not. ``days`` is its life.

    One with a ``signer`` is an intermediate, which that authority signs; the signer's key may be elsewhere until then.
    """

    folder: Path
    subject: Subject
    passphrase: str | None = None
    passphrase_file: Path | None = None
    days: int = 3650
    key_type: str = "ec-p256"
    path_length: int = 0
    permitted: Permitted = field(default_factory=Permitted)
    signer: AuthorityFolder | None = None

    def __post_init__(self) -> None:
        problems = self.subject.problems() + (["days is less than 1"] if self.days < 1 else [])
        if problems:
            raise StrongholdError(CONTROLLER, f"accept the authority {self.folder}", "; ".join(problems), "correct its options")

    def certificate(self) -> x509.Certificate | None:
        """The authority's certificate, or None before its creation. Raises StrongholdError."""
        data = self._read(self._certificate_file)
        if data is None:
            return None
        try:
            return read_certificates(data)[0]
        except PemError as error:
            raise self._failure(f"{self._certificate_file} cannot be used: {error}", "put it back from your backup") from error

    def trusted(self) -> x509.Certificate:
        """The certificate of an authority that has to be there."""
        certificate = self.certificate()
        if certificate is None:
            raise self._failure(f"{self._certificate_file} is missing", "put it back from your backup")
        return certificate

    def opened(self, now: datetime) -> tuple[Pair, bool]:
        """The authority with its key unlocked, and whether it was made just now. Raises StrongholdError."""
        made = False
        if self.certificate() is None:
            try:
                secrets.hold(self.folder)
                with files.locked(self.folder, CONTROLLER, f"use the authority {self.folder}"):
                    made = self._create(now)
            except OSError as error:
                raise self._failure(f"of the error '{error}'", "check the folder and its owner") from error
        certificate = self.certificate()
        data = self._read(self._key_file)
        if certificate is None or data is None:
            raise self._failure(f"{self._certificate_file} is there and {self._key_file} is not", "put it back from your backup")
        if validity(certificate)[1] <= now:
            raise self._failure(f"it expired on {moments.text(validity(certificate)[1])}", "replace the authority")
        key = self._unlock(data)
        if public_bytes(key.public_key()) != public_bytes(certificate.public_key()):
            raise self._failure("its key does not belong to its certificate", "put both files back from one backup")
        return Pair(certificate, (), key), made

    def guard(self) -> None:
        """Keep what is there already out of repositories, as an earlier version did not. Raises StrongholdError."""
        try:
            for folder in (self.folder, self.passphrase_file.parent if self.passphrase_file else self.folder):
                secrets.guard(folder)
        except OSError as error:
            raise self._failure(f"of the error '{error}'", "check the folder and its owner") from error

    def has_key(self) -> bool:
        return self._read(self._key_file) is not None

    def is_due(self, now: datetime) -> bool:
        """Whether less than a third of an intermediate's life is left, so that it is to be signed again, with its key."""
        certificate = self.certificate() if self.signer else None
        if certificate is None:
            return False
        start, end = validity(certificate)
        return end - now < (end - start) / 3

    def renew(self, now: datetime) -> bool:
        """Sign an intermediate again when it is due and its signer's key is here."""
        if self.signer is None or not self.is_due(now) or not self.signer.has_key():
            return False
        try:
            with files.locked(self.folder, CONTROLLER, f"use the authority {self.folder}"):
                if not self.is_due(now):
                    return False
                key = self._unlock(self._read(self._key_file) or b"")
                files.write(self._certificate_file, write_certificates([self._certified(key, now)]), 0o644)
        except OSError as error:
            raise self._failure(f"of the error '{error}'", "check the folder and its owner") from error
        return True

    def require_signer(self) -> None:
        """Raises StrongholdError where the signer of an intermediate is there, and has no room for it."""
        above = self.signer.certificate() if self.signer else None
        if above is not None and not has_room_for(above, self.path_length):
            raise self._failure(
                f"{rfc2253(above.subject)} may sign no further authority (its path length is {path_length(above)})",
                "replace that authority by one that is created together with an intermediate",
            )

    def _certified(self, key: Any, now: datetime) -> x509.Certificate:
        self.require_signer()
        by = self.signer.opened(now)[0] if self.signer else None
        return sign_authority(key, self.subject, self.days, now, path_length=self.path_length, permitted=self.permitted, by=by)

    def revocations(self) -> x509.CertificateRevocationList | None:
        """The revocation list, or None before the first. Raises StrongholdError."""
        data = self._read(self._list_file)
        if data is None:
            return None
        try:
            return read_lists(data)[0]
        except PemError as error:
            raise self._failure(f"{self._list_file} cannot be used: {error}", "put it back from your backup") from error

    def revoke(
        self, revoked: Sequence[int], days: int, now: datetime, *, keep: bool = True, away: bool = False
    ) -> tuple[x509.CertificateRevocationList, bool]:
        """The revocation list with ``revoked``, and whether it was made just now. With ``keep`` off it is made and not kept.

        Where the key may be ``away``, a list that is due stays until it is back. Of an authority that is there. Raises
        StrongholdError.
        """
        present = self.revocations()
        if present is not None and (not revocation.is_due(present, revoked, now) or (away and not self.has_key())):
            return present, False
        authority, _made = self.opened(now)
        if authority.certificate.serial_number in revoked:
            raise self._failure("its own certificate is among those to revoke", "replace the authority instead")
        if not keep:
            return revocation.sign_list(authority, present, revoked, days, now), True
        try:
            with files.locked(self.folder, CONTROLLER, f"use the authority {self.folder}"):
                present = self.revocations()
                if present is not None and not revocation.is_due(present, revoked, now):
                    return present, False
                made = revocation.sign_list(authority, present, revoked, days, now)
                files.write(self._list_file, write_lists([made]), 0o644)
        except OSError as error:
            raise self._failure(f"of the error '{error}'", "check the folder and its owner") from error
        return made, True

    @property
    def _list_file(self) -> Path:
        return self.folder / "crl.pem"

    @property
    def _certificate_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def _key_file(self) -> Path:
        return self.folder / "ca.key"

    def _create(self, now: datetime) -> bool:
        """Under the lock; False when another process came first. Each step that an interrupted run has done is kept."""
        if self._certificate_file.exists():
            return False
        self.folder.chmod(0o700)
        data = self._read(self._key_file)
        if data is None:
            passphrase = self._passphrase(make=True)
            key = make_key(self.key_type)
            files.write(self._key_file, write_key(key, serialization.BestAvailableEncryption(passphrase.encode())), 0o600)
        else:
            key = self._unlock(data)
        certificate = self._certified(key, now)
        files.write(self._certificate_file, write_certificates([certificate]), 0o644)
        return True

    def _unlock(self, data: bytes) -> Any:
        try:
            return serialization.load_pem_private_key(data, self._passphrase().encode())
        except (ValueError, TypeError) as error:
            raise self._failure(f"the passphrase does not open {self._key_file}", "give the right passphrase") from error

    def _passphrase(self, *, make: bool = False) -> str:
        if self.passphrase_file is None:
            passphrase = self.passphrase
        elif make:
            passphrase = secrets.kept(self.passphrase_file, token_urlsafe(32))
        else:
            passphrase = secrets.read(self.passphrase_file)
            if passphrase is None:
                raise self._failure(f"its passphrase file {self.passphrase_file} is missing", "put it back from your backup")
        if not passphrase:
            raise self._failure("its passphrase is empty", "give one")
        return passphrase

    def _read(self, path: Path) -> bytes | None:
        try:
            return files.read(path)
        except (OSError, ValueError) as error:
            raise self._failure(f"of the error '{error}'", "check the file and its owner") from error

    def _failure(self, reason: str, remedy: str) -> StrongholdError:
        return StrongholdError(CONTROLLER, f"use the authority {self.folder}", reason, remedy)


def path_length(certificate: x509.Certificate) -> int | None:
    """How many levels of authorities may follow it, None for any."""
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length


def has_room_for(certificate: x509.Certificate, levels: int) -> bool:
    """Whether it may sign an authority that is followed by so many levels of authorities."""
    own = path_length(certificate)
    return own is None or own > levels


def sign_authority(
    key: Any,
    subject: Subject,
    days: int,
    now: datetime,
    *,
    path_length: int = 0,
    permitted: Permitted | None = None,
    by: Pair | None = None,
) -> x509.Certificate:
    """An authority's certificate: an intermediate, which ends with its signer at the latest, or a self-signed one.

    ``key`` may be a private key, or of an intermediate its public half.
    """
    public_key = key.public_key() if hasattr(key, "public_key") else key
    end = now + timedelta(days=days)
    identifier = issuer_identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    issuer, signing_key = subject.to_name(), key
    if by is not None:
        end = min(end, validity(by.certificate)[1])
        issuer, signing_key = by.certificate.subject, by.key
        issuer_identifier = by.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = _builder(subject, issuer, public_key, now, end)
    for _name, extension, critical in authority_usages(path_length):
        builder = builder.add_extension(extension, critical)
    if permitted and permitted.domains:
        builder = builder.add_extension(permitted.to_constraints(), critical=True)
    builder = builder.add_extension(identifier, critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
    )
    return builder.sign(signing_key, hashes.SHA256())


def sign(authority: Pair, public_key: Any, wanted: Wanted, now: datetime) -> x509.Certificate:
    """A certificate for ``wanted``, which alone decides what it says: of a host's request only the key is taken."""
    if key_type_of(public_key) != wanted.key_type:
        raise StrongholdError(
            CONTROLLER,
            f"sign the certificate {wanted.path}",
            f"the host asks with a key of type {key_type_of(public_key)} and {wanted.key_type} is declared",
            "run the task again",
        )
    _require_room(authority, wanted)
    for above in (authority.certificate, *authority.chain):
        outside = Permitted.of(above).outside(wanted.names, wanted.subject.common_name)
        if outside:
            raise StrongholdError(
                CONTROLLER,
                f"sign the certificate {wanted.path}",
                f"{rfc2253(above.subject)} may not issue for {', '.join(outside)}",
                "declare other names, or replace the authority by one with wider permitted_names",
            )
    end = min(now + timedelta(days=wanted.days), validity(authority.certificate)[1])
    builder = _builder(wanted.subject, authority.certificate.subject, public_key, now, end)
    for _name, extension, critical in usages(wanted.kind, wanted.key_type):
        builder = builder.add_extension(extension, critical)
    for extension in wanted.named():
        builder = builder.add_extension(extension, critical=False)
    issuer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _require_room(authority: Pair, wanted: Wanted) -> None:
    """That an issuer may be below the authority and those above it."""
    for depth, above in enumerate((authority.certificate, *authority.chain), start=1):
        if wanted.kind == "issuer" and not has_room_for(above, depth - 1):
            raise StrongholdError(
                CONTROLLER,
                f"sign the issuer {wanted.path}",
                f"{rfc2253(above.subject)} was created without room for one (its path length is {path_length(above)})",
                "replace that authority, by the playbook stronghold.mongodb.replace_authority, or do without issuers",
            )


def sign_again(issuer: Pair, present: x509.Certificate, public_key: Any, days: int, now: datetime) -> x509.Certificate:
    """A certificate for another key that says and allows what ``present`` does, by an issuer that it does not outlast."""
    end = min(now + timedelta(days=days), validity(issuer.certificate)[1])
    builder = _numbered(public_key, now, end).subject_name(present.subject).issuer_name(issuer.certificate.subject)
    signer = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    own = x509.SubjectKeyIdentifier.from_public_key(public_key)
    by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer)
    kept = [item for item in present.extensions if not isinstance(item.value, (type(own), type(by)))]
    for value, critical in [*((item.value, item.critical) for item in kept), (own, False), (by, False)]:
        builder = builder.add_extension(value, critical)
    return builder.sign(issuer.key, hashes.SHA256())


def _builder(subject: Subject, issuer: x509.Name, public_key: Any, now: datetime, end: datetime) -> x509.CertificateBuilder:
    return _numbered(public_key, now, end).subject_name(subject.to_name()).issuer_name(issuer)


def _numbered(public_key: Any, now: datetime, end: datetime) -> x509.CertificateBuilder:
    """Serial numbers are random (159 bits), so they need no record."""
    return (
        x509.CertificateBuilder()
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(end)
    )
