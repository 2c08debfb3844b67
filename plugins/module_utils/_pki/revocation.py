# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate revocation lists (RFC 5280, section 5).

mongod with a CRLFile looks for a list of each issuer up to the trusted authority, and refuses every certificate for which
it does not find them all, or one has ended.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import hexadecimal
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.judge import BACKDATED
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import currency, revoked_since
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import rfc2253
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import Pair

with suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes


def serials(item: x509.CertificateRevocationList) -> frozenset[int]:
    return frozenset(entry.serial_number for entry in item)


def made_by(item: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """By name and by signature."""
    try:
        return item.issuer == authority.subject and item.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except TypeError:
        return False


def is_due(item: x509.CertificateRevocationList, revoked: Iterable[int], now: datetime) -> bool:
    """Whether a new list is to take its place: it lacks a revocation, or half of its life is over."""
    start, end = currency(item)
    return bool(set(revoked) - serials(item)) or end - now < (end - start) / 2


def sign_list(
    authority: Pair, former: x509.CertificateRevocationList | None, revoked: Iterable[int], days: int, now: datetime
) -> x509.CertificateRevocationList:
    """A list with all of ``former`` and, from now on, ``revoked``. A revocation is never taken back."""
    since = {entry.serial_number: revoked_since(entry) for entry in former or ()}
    since = {**dict.fromkeys(revoked, now), **since}
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(_number(former) + 1), critical=False)
        .add_extension(_authority_key(authority.certificate), critical=False)
    )
    for serial, moment_of_it in sorted(since.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment_of_it)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256())


def problems(
    lists: Sequence[x509.CertificateRevocationList],
    needed: Iterable[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    now: datetime,
) -> list[str]:
    """Why servers with these lists would shut out who should come in, as clauses.

    ``needed`` are the issuers of certificates that are in use, ``authorities`` all those that may make a list.
    """
    found = []
    for item in lists:
        name = f"the revocation list of {rfc2253(item.issuer)}"
        start, end = currency(item)
        if not any(made_by(item, authority) for authority in authorities):
            found.append(f"{name} is not signed by a trusted authority")
        if start > now:
            found.append(f"{name} is not valid before {moments.text(start)}, and this host's clock says {moments.text(now)}")
        if end <= now:
            found.append(f"{name} expired on {moments.text(end)}, and servers would refuse every certificate of that issuer")
    for issuer in needed:
        if not any(made_by(item, issuer) for item in lists):
            found.append(
                f"there is no revocation list of {rfc2253(issuer.subject)}, and servers would refuse every certificate of it"
            )
    return found


def forgotten(present: Iterable[x509.CertificateRevocationList], wanted: Iterable[x509.CertificateRevocationList]) -> list[int]:
    """Serials that are revoked in ``present`` and would not be in ``wanted``, of issuers with a list in both.

    An authority and its successor may have one name, and differ by their keys.
    """
    after: dict[tuple[x509.Name, bytes | None], frozenset[int]] = {}
    for item in wanted:
        after[_issuer(item)] = after.get(_issuer(item), frozenset()) | serials(item)
    return sorted({serial for item in present for serial in serials(item) - after.get(_issuer(item), serials(item))})


def older(present: Sequence[x509.CertificateRevocationList], wanted: Iterable[x509.CertificateRevocationList]) -> list[str]:
    """Which of ``wanted`` were made before the ones in ``present``, as clauses.

    This is how a list from elsewhere is told to be an old one: its issuer may drop what has expired.
    """
    return [
        f"the revocation list of {rfc2253(item.issuer)} of {moments.text(currency(item)[0])} is older than the one on this host"
        for item in wanted
        if any(_issuer(item) == _issuer(other) and currency(item)[0] < currency(other)[0] for other in present)
    ]


def for_list(lists: Iterable[x509.CertificateRevocationList]) -> list[str]:
    """One line per list and per revoked serial, for diffs."""
    lines = []
    for item in lists:
        lines.append(f"revocation list of {rfc2253(item.issuer)} until {moments.text(currency(item)[1])}")
        lines += [f"  {hexadecimal(serial)}" for serial in sorted(serials(item))]
    return lines


def _number(item: x509.CertificateRevocationList | None) -> int:
    if item is None:
        return 0
    try:
        return item.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _issuer(item: x509.CertificateRevocationList) -> tuple[x509.Name, bytes | None]:
    try:
        key = item.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        key = None
    return item.issuer, key


def _authority_key(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
