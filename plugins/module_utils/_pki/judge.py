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

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import days_between, moment
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import alternative_names, rfc2253
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import Pair, public_bytes
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of, usages

with suppress(ImportError):
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

# How far the start of validity is set back when a certificate is issued: the clocks of hosts may differ by as much.
BACKDATED = timedelta(minutes=5)


def judge(pair: Pair, wanted: Wanted, trusted: Sequence[x509.Certificate], now: datetime) -> list[str]:
    """Why ``pair`` is not what is ``wanted``, as clauses; empty when it is. ``trusted`` are the authorities."""
    return [
        *_key(pair, wanted),
        *_identity(pair.certificate, wanted),
        *_usages(pair.certificate, wanted),
        *_issuer(pair, trusted),
        *_time(pair.certificate, wanted, trusted, now),
    ]


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
    for name, extension, critical in usages(wanted.kind, wanted.key_type):
        try:
            found = certificate.extensions.get_extension_for_class(type(extension))
            fits = found.value == extension and found.critical == critical
        except x509.ExtensionNotFound:
            fits = False
        if not fits:
            yield f"its {name} is not that of a {wanted.kind} certificate"


def _issuer(pair: Pair, trusted: Sequence[x509.Certificate]) -> Iterable[str]:
    last = pair.certificate
    for issuer in pair.chain:
        if not issued_by(last, issuer):
            yield "its chain is not in order, each issuer after what it signed"
            return
        last = issuer
    if not any(issued_by(last, authority) for authority in trusted):
        yield "it is not signed by the authority"


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
    if start > now:
        yield f"it is not valid before {moment(start)}, and this host's clock says {moment(now)}"
    if life > timedelta(days=wanted.days):
        yield f"it lives {life.days} days and not at most {wanted.days}"
    if end <= now:
        yield f"it expired on {moment(end)}"
    elif end - now < (wanted.renew_before or life / 3) and _renewable(end, wanted, trusted, now):
        yield f"it expires in {days_between(now, end)} days, on {moment(end)}"


def _renewable(end: datetime, wanted: Wanted, trusted: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether a new certificate would outlast this one: none outlasts its authority."""
    limit = max((validity(authority)[1] for authority in trusted), default=None)
    return limit is None or min(limit, now + timedelta(days=wanted.days)) > end
