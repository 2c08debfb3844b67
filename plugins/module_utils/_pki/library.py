# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the library ``cryptography`` is here, and what differs between its versions.

Files of this package import it inside ``suppress(ImportError)``, so that they can be loaded without it;
who uses them calls ``problem`` first.

PRIVATE to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone

CRYPTOGRAPHY_VERSION = ""
with suppress(ImportError):
    from cryptography import __version__ as CRYPTOGRAPHY_VERSION
    from cryptography import x509

NEEDED = (41, 0)


def problem() -> str:
    """What to install, as a clause, where the library is missing or too old; empty when it is usable."""
    needed = "cryptography >= " + ".".join(map(str, NEEDED))
    if not CRYPTOGRAPHY_VERSION:
        return f"the Python library {needed} is missing"
    if tuple(int(part) for part in CRYPTOGRAPHY_VERSION.split(".")[:2]) < NEEDED:
        return f"{needed} is needed and {CRYPTOGRAPHY_VERSION} is installed"
    return ""


def currency(revocations: x509.CertificateRevocationList) -> tuple[datetime, datetime]:
    """First and last moment at which a revocation list counts, in UTC; one without an end never ends."""
    if hasattr(revocations, "next_update_utc"):
        start, end = revocations.last_update_utc, revocations.next_update_utc
    else:
        start = revocations.last_update.replace(tzinfo=timezone.utc)
        end = revocations.next_update.replace(tzinfo=timezone.utc) if revocations.next_update else None
    return start, end or datetime.max.replace(tzinfo=timezone.utc)


def revoked_since(entry: x509.RevokedCertificate) -> datetime:
    """The moment of a revocation, in UTC."""
    if hasattr(entry, "revocation_date_utc"):
        return entry.revocation_date_utc
    return entry.revocation_date.replace(tzinfo=timezone.utc)


def validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    """First and last moment of validity, in UTC. The attributes with a zone exist from cryptography 42 on."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (
        certificate.not_valid_before.replace(tzinfo=timezone.utc),
        certificate.not_valid_after.replace(tzinfo=timezone.utc),
    )
