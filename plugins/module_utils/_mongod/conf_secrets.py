# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``mongod.conf`` as people may see it: the values of options whose name tells that they are secret are masked. Pure.

A name tells so where a part of it is a password, a secret, a token or a credential; the path of a file is none. There is no
list of names, because each edition and release has options of its own (net.tls.certificateKeyFilePassword,
security.ldap.bind.queryPassword, security.vault.token, ...), and one that is misspelled holds the same secret.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import MASK

_NAME = r"[\w.-]*(?:passw|passphrase|pwd|secret|token|credential|apikey)[\w.-]*(?<!File)(?<!Path)"
_MENTION = re.compile(rf"(?<![\w.-])[\"']?{_NAME}[\"']?\s*[:=]", re.IGNORECASE)
_BEFORE_NAME = re.compile(r" *(?:- +)*")
# A line that begins so belongs to a text whose indentation says nothing about what belongs together.
_NO_BLOCK = re.compile(r"^[ \t]*[{\[\"'?\t]", re.MULTILINE)


class Seen(NamedTuple):
    """``text`` may be shown; ``secrets`` are the values that it lacks."""

    text: str
    secrets: frozenset[str]


def masked(text: str, known: frozenset[str] | None = None) -> Seen:
    """``text`` without secrets: YAML in block style, or lines of ``name = value``. All of another text with a secret is masked.

    With ``known``, the secrets of the text before, one that is not among them is marked as new.
    """
    if not _MENTION.search(text):
        return Seen(text, frozenset())
    if _NO_BLOCK.search(text):
        return Seen(_mask(text, known), frozenset([text]))
    lines: list[str] = []
    found: list[tuple[int, str, list[str]]] = []  # of each masked value: its line above, what stands before it, its lines
    depth: int | None = None
    for line in text.splitlines():
        if depth is not None and _continues(line, depth):
            found[-1][2].append(line.strip())
            continue
        mention = _MENTION.search(line)
        depth = _depth(line, mention.start()) if mention else None
        if mention:
            found.append((len(lines), line[: mention.end()], [line[mention.end() :].strip()]))
        lines.append(line)
    secrets = set()
    for number, head, parts in found:
        value = " ".join(part for part in parts if part)
        secrets |= {value.strip("'\""), *(part.strip("'\"") for part in parts)} - {""}
        lines[number] = f"{head} {_mask(value.strip(chr(39) + chr(34)), known)}"
    return Seen("".join(f"{line}\n" for line in lines), frozenset(secrets))


def difference(before: str, after: str) -> tuple[str, str]:
    """Two texts as a diff may show them."""
    old = masked(before)
    return old.text, masked(after, old.secrets).text


def _mask(value: str, known: frozenset[str] | None) -> str:
    return MASK if known is None or value in known else f"{MASK} (new)"


def _depth(line: str, start: int) -> int:
    before = _BEFORE_NAME.match(line)
    return start if before and before.end() == start else len(line) - len(line.lstrip())


def _continues(line: str, depth: int) -> bool:
    """Whether the value of an option at ``depth`` goes on; a list may begin where its option does."""
    inner = len(line) - len(line.lstrip())
    return not line.strip() or inner > depth or (inner == depth and line.lstrip().startswith("- "))
