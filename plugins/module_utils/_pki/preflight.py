# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would a server, and its peers, take these files? Asked before a server is told to use them.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import judge, pem, revocation


def problems(
    certificate: bytes,
    authorities: bytes,
    lists: bytes | None,
    now: datetime,
    *,
    names: Sequence[str] = (),
    kind: str = "member",
) -> list[str]:
    """Why not, as clauses that each name the file; empty when they would.

    The arguments are the contents of certificateKeyFile, CAFile and CRLFile (None where none is declared); ``names`` are
    those by which the server is reached, as ``names.parse_names`` gives them.
    """
    try:
        trusted = pem.read_certificates(authorities)
    except pem.PemError as error:
        return [f"the file of authorities cannot be used: {error}"]
    try:
        revocations = pem.read_lists(lists) if lists is not None else ()
    except pem.PemError as error:
        return [f"the file of revocations cannot be used: {error}"]
    try:
        pair = pem.read_pair(certificate)
    except pem.PemError as error:
        return [f"the certificate cannot be used: {error}"]
    reasons = judge.faults(pair, trusted, now, kind=kind, names=names, lists=revocations)
    found = [f"the certificate cannot be used: {reason}" for reason in reasons]
    if lists is not None:
        issuers = pair.chain[:1] or [item for item in trusted if judge.issued_by(pair.certificate, item)]
        found += revocation.problems(revocations, issuers, [*trusted, *pair.chain], now)
    return found
