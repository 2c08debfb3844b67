# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for tests to put somewhere, by an authority that the collection has made or by another."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key


def opened(folder: Path, passphrase_file: Path) -> pem.Pair:
    """The authority in a folder of the controller, with its key."""
    passphrase = passphrase_file.read_text().strip()
    return authority.AuthorityFolder(folder, Subject("unused"), passphrase=passphrase).opened(datetime.now(timezone.utc))[0]


def issue(by: pem.Pair, wanted: Wanted, at: datetime | None = None) -> pem.Pair:
    """A certificate that was issued at the time ``at``, with a key of its own and the chain of ``by``."""
    key = make_key(wanted.key_type)
    return pem.Pair(authority.sign(by, key.public_key(), wanted, at or datetime.now(timezone.utc)), by.chain, key)


def limited(subject: Subject, constraints: x509.NameConstraints | None) -> pem.Pair:
    """An authority of others, with whatever name constraints."""
    key, now = make_key("ec-p256"), datetime.now(timezone.utc)
    plain = authority.sign_authority(key, subject, 30, now)
    builder = x509.CertificateBuilder(
        plain.issuer, plain.subject, plain.public_key(), plain.serial_number, now - timedelta(hours=1), now + timedelta(days=30)
    )
    for extension in plain.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    if constraints:
        builder = builder.add_extension(constraints, critical=True)
    return pem.Pair(builder.sign(key, hashes.SHA256()), (), key)
