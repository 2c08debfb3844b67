# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether mongod would start with a key file. Pure.

Sources: MongoDB manual, "Self-Managed Internal/Membership Authentication", "Rotate Keys for Self-Managed Replica Sets";
src/mongo/db/auth/security_key.cpp. Tried against a server: ``tests/integration/test_config.py``.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError

_SHORTEST, _LONGEST, _MOST_KEYS = 6, 1024, 2
_COMMENT = re.compile(r"(^|\s)#[^\n]*")
_ITEM = re.compile(r"^- +", re.MULTILINE)


def problem(text: str) -> Refusal | None:
    """Why mongod does not take ``text``: one key, or while keys are rotated a YAML list of two, white space aside."""
    keys = list(_keys(text))
    remedy = f"give it {_SHORTEST} to {_LONGEST} characters of base64, as 'openssl rand -base64 756' writes them"
    if len(keys) > _MOST_KEYS:
        return Refusal(f"the key file holds {len(keys)} keys and mongod takes {_MOST_KEYS}", "leave the oldest ones out")
    for key in keys:
        if re.search(r"[^A-Za-z0-9+/=]", key):
            return Refusal("the key file holds a character that mongod does not take in a key", remedy)
        if not _SHORTEST <= len(key) <= _LONGEST:
            return Refusal(f"the key file holds a key of {len(key)} characters", remedy)
    return None


def taken_by_mongod(path: Path) -> Callable[[str], None]:
    """A check of new content for ``_base.file_plan.File``, which raises StrongholdError."""

    def check(text: str) -> None:
        refusal = problem(text)
        if refusal:
            raise StrongholdError(platform.node(), f"replace {path}", refusal.reason, f"{refusal.remedy}; nothing was changed")

    return check


def _keys(text: str) -> Iterator[str]:
    text = _COMMENT.sub("", text).strip()
    parts = [part for part in _ITEM.split(text) if part.strip()] if _ITEM.match(text) else [text]
    for part in parts:
        key = "".join(part.split())
        yield key[1:-1] if len(key) > 1 and key[0] == key[-1] and key[0] in "'\"" else key
