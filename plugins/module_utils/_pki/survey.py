# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, authorities and revocation lists as they are.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe, judge, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import currency, validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import alternative_names, rfc2253
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of

with suppress(ImportError):
    from cryptography import x509


@dataclass(frozen=True)
class Survey:
    """What everything is judged by. ``renew_before`` of None is a third of the life."""

    now: datetime
    trusted: Sequence[x509.Certificate]
    lists: Sequence[x509.CertificateRevocationList]
    renew_before: timedelta | None = None

    def near_end(self, certificate: x509.Certificate) -> bool:
        start, end = validity(certificate)
        return end - self.now < (self.renew_before or (end - start - judge.BACKDATED) / 3)

    def of_authority(self, certificate: x509.Certificate) -> dict[str, Any]:
        """Its end is near in the last tenth of its life, because a replacement takes time."""
        start, end = validity(certificate)
        return {**self.of_certificate(certificate), "near_end": (end - self.now) * 10 < end - start}

    def of_certificate(self, certificate: x509.Certificate) -> dict[str, Any]:
        return {
            **describe.facts(certificate, self.now),
            "issuer": rfc2253(certificate.issuer),
            "names": list(alternative_names(certificate)),
            "key_type": key_type_of(certificate.public_key()),
            "near_end": self.near_end(certificate),
        }

    def of_file(self, data: bytes | None, kind: str, names: Sequence[str]) -> dict[str, Any]:
        """A certificate file with its problems; of one that cannot be read, only these."""
        nothing = dict.fromkeys((*_FIELDS, "names", "key_type", "near_end"))
        if data is None:
            return {**nothing, "problems": ["there is no such file"]}
        try:
            pair = pem.read_pair(data)
        except pem.PemError as error:
            return {**nothing, "problems": [str(error)]}
        found = judge.faults(pair, self.trusted, self.now, kind=kind, names=names, lists=self.lists)
        return {**self.of_certificate(pair.certificate), "problems": found}

    def of_list(self, item: x509.CertificateRevocationList) -> dict[str, Any]:
        start, end = currency(item)
        return {
            "issuer": rfc2253(item.issuer),
            "revoked": [describe.hexadecimal(serial) for serial in sorted(revocation.serials(item))],
            "this_update": moments.text(start),
            "next_update": moments.text(end),
            "days_left": describe.days_between(self.now, end),
            "near_end": revocation.is_due(item, (), self.now),
            "problems": revocation.problems([item], (), self.trusted, self.now),
        }


_FIELDS = ("subject", "serial", "fingerprint", "not_before", "not_after", "days_left", "issuer")


def warnings(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """One sentence for each problem and each nearing end in a complete result."""
    said = [
        f"{item['path']} cannot be used: {reason}."
        for key in ("certificates", "trust_files")
        for item in found[key]
        for reason in item["problems"]
    ]
    said += [f"{item['host']}:{item['port']}: {reason}." for item in found["servers"] for reason in item["problems"]]
    said += [f"{problem[0].upper()}{problem[1:]}." for item in found["revocation_lists"] for problem in item["problems"]]
    said += [
        f"{item['path']} expires in {item['days_left']} days, on {item['not_after']}."
        for item in found["certificates"]
        if item["near_end"] and item["days_left"] >= 0
    ]
    said += [
        f"The authority {item['subject']} expires in {item['days_left']} days, on {item['not_after']}."
        for item in found["authorities"]
        if item["near_end"]
    ]
    said += [
        f"The revocation list of {item['issuer']} ends in {item['days_left']} days, on {item['next_update']}; servers then refuse"
        " every certificate."
        for item in found["revocation_lists"]
        if item["near_end"] and item["days_left"] >= 0
    ]
    return said
