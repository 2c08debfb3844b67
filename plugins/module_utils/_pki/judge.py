# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this certificate the declared one? Pure functions over certificates, clock and declaration.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import days_between, serial
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import alternative_names, rfc2253, valid_for
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import Pair, public_bytes
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of, purposes_of, usages

with suppress(ImportError):
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509.oid import ExtendedKeyUsageOID

# How far the start of validity is set back when a certificate is issued: the clocks of hosts may differ by as much.
BACKDATED = timedelta(minutes=5)


def judge(
    pair: Pair,
    wanted: Wanted,
    trusted: Sequence[x509.Certificate],
    now: datetime,
    *,
    also: Sequence[x509.Certificate] = (),
    chain: Sequence[x509.Certificate] = (),
    lists: Sequence[x509.CertificateRevocationList] = (),
) -> list[str]:
    """Why ``pair`` is not what is ``wanted``, as clauses; empty when it is.

    ``trusted`` are the authorities whose certificates are kept, ``also`` those that are trusted and sign no more,
    ``chain`` the intermediates that would sign a new one, ``lists`` the revocation lists.
    """
    return [
        *_key(pair, wanted),
        *_identity(pair.certificate, wanted),
        *_usages(pair.certificate, wanted),
        *_issuer(pair, trusted, also),
        *_revoked(pair.certificate, lists),
        *_time(pair.certificate, wanted, chain or trusted, now),
        *_issuers_fit(pair, now),
    ]


def faults(
    pair: Pair,
    trusted: Sequence[x509.Certificate],
    now: datetime,
    *,
    kind: str,
    names: Sequence[str] = (),
    lists: Sequence[x509.CertificateRevocationList] = (),
) -> list[str]:
    """Why a server or its peers would refuse ``pair``, as clauses, whoever issued it and whatever else it says."""
    missing = sorted({name for name in names if not valid_for(pair.certificate, name)})
    return [
        *([] if key_matches(pair) else ["its key does not belong to its certificate"]),
        *([f"it is not valid for {', '.join(missing)}"] if missing else []),
        *_lacking_usages(pair.certificate, kind),
        *_issuer(pair, trusted),
        *_revoked(pair.certificate, lists),
        *_validity(pair.certificate, now),
        *_issuers_fit(pair, now),
    ]


def judge_external(
    pair: Pair,
    wanted: Wanted,
    trusted: Sequence[x509.Certificate],
    now: datetime,
    lists: Sequence[x509.CertificateRevocationList] = (),
) -> list[str]:
    """The same for a certificate from elsewhere, which may say and allow more than is ``wanted``, but no less."""
    subject = {(attribute.oid, attribute.value) for attribute in pair.certificate.subject}
    lacking = [item for item in wanted.subject.to_name() if (item.oid, item.value) not in subject]
    other = f"its subject is {rfc2253(pair.certificate.subject)} and lacks {', '.join(item.rfc4514_string() for item in lacking)}"
    return [
        *faults(pair, trusted, now, kind=wanted.kind, names=wanted.names, lists=lists),
        *([other] if lacking else []),
    ]


def near_end(certificate: x509.Certificate, wanted: Wanted, now: datetime) -> list[str]:
    """That it is to be replaced soon, as a clause; nothing of one that has ended."""
    start, end = validity(certificate)
    if now < end < now + (wanted.renew_before or (end - start - BACKDATED) / 3):
        return [f"it expires in {days_between(now, end)} days, on {moments.text(end)}"]
    return []


def key_matches(pair: Pair) -> bool:
    return public_bytes(pair.key.public_key()) == public_bytes(pair.certificate.public_key())


def _key(pair: Pair, wanted: Wanted) -> Iterable[str]:
    if not key_matches(pair):
        yield "its key does not belong to its certificate"
    key_type = key_type_of(pair.certificate.public_key())
    if key_type != wanted.key_type:
        yield f"its key is {key_type} and not {wanted.key_type}"


def _identity(certificate: x509.Certificate, wanted: Wanted) -> Iterable[str]:
    if certificate.subject != wanted.subject.to_name():
        yield f"its subject is {rfc2253(certificate.subject)} and not {rfc2253(wanted.subject.to_name())}"
    present, declared = set(alternative_names(certificate)), set(wanted.names)
    if declared - present:
        yield f"it is not valid for {', '.join(sorted(declared - present))}"
    if present - declared:
        yield f"it is still valid for {', '.join(sorted(present - declared))}"


def _usages(certificate: x509.Certificate, wanted: Wanted) -> Iterable[str]:
    constraints = [("limit of names", item, False) for item in wanted.named() if wanted.kind == "issuer"]
    for name, extension, critical in [*usages(wanted.kind, wanted.key_type), *constraints]:
        try:
            found = certificate.extensions.get_extension_for_class(type(extension))
            fits = found.value == extension and found.critical == critical
        except x509.ExtensionNotFound:
            fits = False
        if not fits:
            yield f"its {name} is not that of {'an' if wanted.kind == 'issuer' else 'a'} {wanted.kind} certificate"


def _lacking_usages(certificate: x509.Certificate, kind: str) -> Iterable[str]:
    extensions = {type(extension.value): extension.value for extension in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints)
    if kind == "issuer":
        usage = extensions.get(x509.KeyUsage)
        if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
            yield "it may not sign certificates"
        return
    if constraints is not None and constraints.ca:
        yield "it is the certificate of an authority"
    usage = extensions.get(x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield "its key usage does not allow digital signatures"
    purposes = extensions.get(x509.ExtendedKeyUsage)
    lacking = [purpose for purpose in purposes_of(kind) if purposes is not None and purpose not in purposes]
    if lacking:
        words = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}
        yield f"its extended key usage does not allow it as a {' and a '.join(words[purpose] for purpose in lacking)}"


def _revoked(certificate: x509.Certificate, lists: Sequence[x509.CertificateRevocationList]) -> Iterable[str]:
    for item in lists:
        revoked = item.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
        if revoked and item.issuer == certificate.issuer:
            yield "it is revoked"
            return


def _issuer(pair: Pair, trusted: Sequence[x509.Certificate], also: Sequence[x509.Certificate] = ()) -> Iterable[str]:
    last = pair.certificate
    for issuer in pair.chain:
        if not issued_by(last, issuer):
            yield "its chain is not in order, each issuer after what it signed"
            return
        last = issuer
    if not any(issued_by(last, authority) for authority in trusted):
        former = issuer_among(last, also)
        if former is None:
            yield "it is not signed by the authority"
        else:
            yield f"it is signed by {rfc2253(former.subject)} (serial {serial(former)}), which is trusted and signs no more"


def issuers(pair: Pair, trusted: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Everyone from the nearest issuer up to the authority. mongod wants a revocation list of each."""
    top = issuer_among((pair.certificate, *pair.chain)[-1], trusted)
    return [*pair.chain, *([top] if top is not None else [])]


def issuer_among(certificate: x509.Certificate, authorities: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The one of ``authorities`` that signed ``certificate``."""
    return next((authority for authority in authorities if issued_by(certificate, authority)), None)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """By name and by signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _time(certificate: x509.Certificate, wanted: Wanted, trusted: Sequence[x509.Certificate], now: datetime) -> Iterable[str]:
    start, end = validity(certificate)
    life = end - start - BACKDATED
    yield from _validity(certificate, now)
    if life > timedelta(days=wanted.days):
        yield f"it lives {life.days} days and not at most {wanted.days}"
    if end > now and end - now < (wanted.renew_before or life / 3) and _renewable(end, wanted, trusted, now):
        yield f"it expires in {days_between(now, end)} days, on {moments.text(end)}"


def _validity(certificate: x509.Certificate, now: datetime) -> Iterable[str]:
    start, end = validity(certificate)
    if start > now:
        yield f"it is not valid before {moments.text(start)}, and this host's clock says {moments.text(now)}"
    if end <= now:
        yield f"it expired on {moments.text(end)}"


def _issuers_fit(pair: Pair, now: datetime) -> Iterable[str]:
    for issuer in pair.chain:
        if not _is_authority(issuer):
            yield f"its issuer {rfc2253(issuer.subject)} is no authority"
        for reason in _validity(issuer, now):
            yield f"its issuer {rfc2253(issuer.subject)} cannot be used: {reason}"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _renewable(end: datetime, wanted: Wanted, trusted: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether a new certificate would outlast this one: none outlasts its authority."""
    limit = max((validity(authority)[1] for authority in trusted), default=None)
    return limit is None or min(limit, now + timedelta(days=wanted.days)) > end
