# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives a new repository of restic a key that is derived from its password within a moment.

restic spends half a second of processor time on that, each time that it starts, so that nobody guesses passwords. The password
of a test is in the test. Source: restic's manual, "References", sections "Keys, Encryption and MAC" and "Repository Layout".

Usage: quick_key.py REPOSITORY PASSWORD_FILE [NEW_PASSWORD_FILE]

With a third word, a key more, instead of ``restic key add``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

MAC, NONCE = 16, 16  # bytes
QUICK = {"N": 16, "r": 8, "p": 1}


class Derived:
    """What is derived from a password: 32 bytes to encrypt with, and 16 and 16 to authenticate with (Poly1305-AES)."""

    def __init__(self, password: bytes, salt: bytes, cost: dict[str, int]) -> None:
        memory = 256 * cost["N"] * cost["r"] * cost["p"] + (64 << 20)
        keys = hashlib.scrypt(password, salt=salt, n=cost["N"], r=cost["r"], p=cost["p"], maxmem=memory, dklen=64)
        self._encrypt, self._k, self._r = keys[:32], keys[32:48], keys[48:]

    def opened(self, sealed: bytes) -> bytes:
        nonce, hidden, mac = sealed[:NONCE], sealed[NONCE:-MAC], sealed[-MAC:]
        Poly1305.verify_tag(self._authenticator(nonce), hidden, mac)
        return self._counted(nonce, hidden)

    def sealed(self, plain: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        hidden = self._counted(nonce, plain)
        return nonce + hidden + Poly1305.generate_tag(self._authenticator(nonce), hidden)

    def _counted(self, nonce: bytes, data: bytes) -> bytes:
        cipher = Cipher(algorithms.AES(self._encrypt), modes.CTR(nonce)).encryptor()
        return cipher.update(data) + cipher.finalize()

    def _authenticator(self, nonce: bytes) -> bytes:
        block = Cipher(algorithms.AES(self._k), modes.ECB()).encryptor()  # noqa: S305 - of one block, as Poly1305-AES has it
        return self._r + block.update(nonce) + block.finalize()


def give(repository: Path, password: bytes, new: bytes) -> Path:
    """Have the only key of the repository be in another file, too, for the password ``new``; the first file."""
    (path,) = (repository / "keys").iterdir()
    found = json.loads(path.read_bytes())
    first = Derived(password, base64.b64decode(found["salt"]), {name: found[name] for name in QUICK})
    salt = secrets.token_bytes(64)
    data = Derived(new, salt, QUICK).sealed(first.opened(base64.b64decode(found["data"])))
    made = {**found, **QUICK, "salt": base64.b64encode(salt).decode(), "data": base64.b64encode(data).decode()}
    text = json.dumps(made).encode()
    (repository / "keys" / hashlib.sha256(text).hexdigest()).write_bytes(text)
    return path


if __name__ == "__main__":
    repository, *files = map(Path, sys.argv[1:])
    password, *new = (file.read_bytes().rstrip(b"\n") for file in files)
    if new:
        give(repository, password, new[0])
    else:
        give(repository, password, password).unlink()
