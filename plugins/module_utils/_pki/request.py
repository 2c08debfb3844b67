# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate signing requests (PKCS #10).

PRIVATE to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import public_bytes
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import usages

with suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization


def make_request(key: Any, wanted: Wanted) -> str:
    """A request that states all of ``wanted``, in PEM; signed by ``key``, which proves that the asker holds it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(wanted.subject.to_name())
    for _name, extension, critical in usages(wanted.kind, wanted.key_type):
        builder = builder.add_extension(extension, critical)
    for extension in wanted.named():
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def ask_the_same(first: bytes, second: bytes) -> bool:
    """Whether two requests in PEM are for the same key and say the same; their signatures may differ."""
    try:
        one, other = (x509.load_pem_x509_csr(data) for data in (first, second))
    except ValueError:
        return False
    return (
        public_bytes(one.public_key()) == public_bytes(other.public_key())
        and one.subject == other.subject
        and list(one.extensions) == list(other.extensions)
    )


def requested_key(request: str) -> Any:
    """The public key of a request. Raises ValueError when the asker does not prove to hold its private half."""
    parsed = x509.load_pem_x509_csr(request.encode())
    if not parsed.is_signature_valid:
        raise ValueError("its signature is not that of its key")
    return parsed.public_key()
