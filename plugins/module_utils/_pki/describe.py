# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in words and plain data, for results and diffs. Nothing here shows a private key.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import alternative_names, rfc2253
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of

with suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes


def days_between(now: datetime, end: datetime) -> int:
    """Whole days; negative after the end."""
    return (end - now).days


def serial(certificate: x509.Certificate) -> str:
    return hexadecimal(certificate.serial_number)


def hexadecimal(number: int) -> str:
    """In capitals with an even number of digits, as openssl prints it."""
    digits = f"{number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def facts(certificate: x509.Certificate, now: datetime) -> dict[str, Any]:
    """What the results tell about a certificate that is there."""
    start, end = validity(certificate)
    return {
        "subject": rfc2253(certificate.subject),
        "serial": serial(certificate),
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex().upper(),
        "not_before": moments.text(start),
        "not_after": moments.text(end),
        "days_left": days_between(now, end),
    }


def for_diff(certificate: x509.Certificate) -> dict[str, Any]:
    """What a diff shows about a certificate that is there."""
    return {
        "subject": rfc2253(certificate.subject),
        "names": sorted(alternative_names(certificate)),
        "key_type": key_type_of(certificate.public_key()),
        "issuer": rfc2253(certificate.issuer),
        "serial": serial(certificate),
        "not_after": moments.text(validity(certificate)[1]),
    }


def for_list(certificates: Iterable[x509.Certificate]) -> list[str]:
    """One line per certificate, for the diff of a bundle."""
    return [f"{rfc2253(item.subject)} serial {serial(item)} until {moments.text(validity(item)[1])}" for item in certificates]
