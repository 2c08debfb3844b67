# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SCRAM credentials: whether a password is the one behind a stored credential, found without logging in. Pure.

RFC 5802 and RFC 7677 derive the keys, RFC 4013 prepares the password for SCRAM-SHA-256. SCRAM-SHA-1 in MongoDB takes the
hexadecimal MD5 of ``user:mongo:password`` as its password and does not prepare it.

PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

try:
    from pymongo.saslprep import saslprep
except ImportError:
    saslprep = None  # type: ignore[assignment]  # the modules tell the user, by require_pymongo

try:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
except ImportError:
    PBKDF2HMAC = None  # type: ignore[assignment,misc]  # the standard library does the same, at up to twice the time

SHA_1 = "SCRAM-SHA-1"
SHA_256 = "SCRAM-SHA-256"
STRONGEST_FIRST = (SHA_256, SHA_1)

_HASH = {SHA_1: "sha1", SHA_256: "sha256"}


def prepare(password: str) -> str:
    """The password as SCRAM-SHA-256 uses it. Raises ValueError for one that mongod refuses too (its error 50692)."""
    try:
        return str(saslprep(password))
    except IndexError:
        raise ValueError("SASLprep: nothing is left of it") from None


def stored_key(mechanism: str, user: str, password: str, salt: bytes, iterations: int) -> bytes:
    """StoredKey of RFC 5802. Raises ValueError for a password that SCRAM-SHA-256 cannot take."""
    if mechanism == SHA_256:
        secret = prepare(password).encode()
    else:
        digest = hashlib.md5(f"{user}:mongo:{password}".encode(), usedforsecurity=False)
        secret = digest.hexdigest().encode()
    name = _HASH[mechanism]
    salted = _derive(name, secret, salt, iterations)
    return hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest()


def _derive(name: str, secret: bytes, salt: bytes, iterations: int) -> bytes:
    """PBKDF2 (RFC 8018) in another thread's time: both libraries let go of the interpreter meanwhile.

    That of ``cryptography`` brings an OpenSSL of its own, newer than most systems', which needs half the time.
    """
    if PBKDF2HMAC is None:
        return hashlib.pbkdf2_hmac(name, secret, salt, iterations)
    algorithm = hashes.SHA256() if name == "sha256" else hashes.SHA1()  # noqa: S303 - as the credential was made
    return bytes(PBKDF2HMAC(algorithm, algorithm.digest_size, salt, iterations).derive(secret))


def matches(credentials: Mapping[str, Any], user: str, password: str) -> bool | None:
    """Whether ``password`` is the one behind ``credentials``; None when they hold nothing of SCRAM.

    ``credentials`` is the field of that name from ``usersInfo`` with ``showCredentials``:
    {mechanism: {salt: base64, storedKey: base64, iterationCount: int}}. The server always derives all of them from one
    password, so the strongest alone decides. A password that the mechanism cannot take does not match.
    """
    mechanism = next((name for name in STRONGEST_FIRST if name in credentials), None)
    if mechanism is None:
        return None
    stored = credentials[mechanism]
    try:
        derived = stored_key(mechanism, user, password, base64.b64decode(stored["salt"]), stored["iterationCount"])
    except ValueError:
        return False
    return hmac.compare_digest(derived, base64.b64decode(stored["storedKey"]))
