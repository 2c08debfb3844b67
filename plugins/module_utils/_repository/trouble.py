# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why restic failed. It has had exit codes that tell since 0.17, before that only words.

Source: restic's manual, "Scripting", section "Exit codes"; the words are those of 0.14.0 and 0.18.0.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import Output, complained


class Kind(Enum):
    """What is the matter."""

    ABSENT = "there is no repository"
    LOCKED = "somebody else has it locked"
    PASSWORD = "the password is another one"  # noqa: S105
    FULL = "there is no room left"
    ADDS_ONLY = "it takes additions only"
    AWAY = "it cannot be reached"
    STRANGER = "one of the two sides does not trust the other's certificate"
    DAMAGED = "it is damaged"
    OTHER = "something else"


class Trouble(NamedTuple):
    kind: Kind
    refusal: Refusal


class RepositoryError(StrongholdError):
    """A failure of a repository."""

    def __init__(self, kind: Kind, host: str, attempt: str, reason: str, remedy: str) -> None:
        super().__init__(host, attempt, reason, remedy)
        self.kind = kind

    @classmethod
    def of(cls, output: Output, error: StrongholdError) -> RepositoryError:
        """``error``, which tells of ``output``, with its kind."""
        return cls(kind_of(output, "").kind, error.host, error.attempt, error.reason, error.remedy)


_CODES = {10: Kind.ABSENT, 11: Kind.LOCKED, 12: Kind.PASSWORD}
# The first that fits. What names its cause comes before what names a consequence.
_WORDS = {
    Kind.PASSWORD: r"wrong password or no key found",
    Kind.LOCKED: r"already locked",
    Kind.FULL: r"no space left on device|disk quota exceeded|\b507\b",
    Kind.ADDS_ONLY: r"\b403\b",
    Kind.STRANGER: r"x509:|tls:|certificate",
    Kind.AWAY: (
        r"connection refused|no such host|no route to host|i/o timeout|network is unreachable|deadline exceeded|\b50[234]\b"
    ),
    Kind.DAMAGED: (
        r"ciphertext verification failed|hash mismatch|does not match id|does not match|invalid data returned|contains errors|"
        r"unexpected EOF|not found in index|invalid header length|error loading|repository contains"
    ),
    Kind.ABSENT: r"Is there a repository at the following location|unable to open config file",
}
_REMEDIES = {
    Kind.ABSENT: "apply the role of the backup host, or correct the place",
    Kind.LOCKED: "wait for that run to end",
    Kind.PASSWORD: "put the password of this repository back from the secrets on the controller",
    Kind.FULL: "make room there, or keep fewer backups",
    Kind.ADDS_ONLY: "do that on the backup host itself",
    Kind.AWAY: "see whether the backup host and its service run",
    Kind.STRANGER: "apply the role that issues the certificates to both hosts",
    Kind.DAMAGED: "restore from another repository, and find out what altered this one",
}


def kind_of(output: Output, url: str) -> Trouble:
    """What is the matter with the repository at ``url``, of a restic that failed."""
    said = output.complaint
    kind = _CODES.get(output.code) or next(
        (kind for kind, words in _WORDS.items() if re.search(words, said, re.IGNORECASE)), Kind.OTHER
    )
    if kind is Kind.OTHER:
        return Trouble(kind, complained(output))
    return _told(kind, url, f"restic says '{_last(output)}'")


def away(url: str, why: str) -> Trouble:
    """Of a server that does not answer."""
    return _told(Kind.AWAY, url, why)


def _told(kind: Kind, url: str, why: str) -> Trouble:
    return Trouble(kind, Refusal(f"{kind.value} ({without_password(url)}; {why})", _REMEDIES[kind]))


def without_password(url: str) -> str:
    """As people may see it."""
    return re.sub(r"//[^/@]*@", "//", url)


def _last(output: Output) -> str:
    """The line that names the failure: that of the end, not a warning before."""
    lines = [line.strip() for line in output.stderr.decode(errors="replace").splitlines() if line.strip()]
    fatal = next((line for line in lines if line.startswith("Fatal:")), lines[-1] if lines else output.ended)
    return fatal.removeprefix("Fatal:").strip()[:200]
