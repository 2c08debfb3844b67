# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authentication restrictions: where an account may log in from and to. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError

RESTRICTION_KEYS = ("clientSource", "serverAddress")

Restriction = Mapping[str, Sequence[str]]
Restrictions = tuple[Restriction, ...]  # a client has to satisfy one of them


def restriction_argument_spec() -> dict[str, Any]:
    """The option ``authentication_restrictions``."""
    return {
        "type": "list",
        "elements": "dict",
        "options": {key: {"type": "list", "elements": "str"} for key in RESTRICTION_KEYS},
    }


def declared_restrictions(items: Sequence[Mapping[str, Any]] | None) -> Restrictions | None:
    """From elements of ``restriction_argument_spec``; None stays None."""
    if items is None:
        return None
    return tuple({key: value for key, value in item.items() if value is not None} for item in items)


def flat(stored: Any) -> Restrictions:
    """Restrictions as a server shows them: of a user a list, of a role a list of such lists."""
    found: list[Restriction] = []
    for item in stored or ():
        found.extend([item] if isinstance(item, Mapping) else flat(item))
    return tuple(found)


def comparable(restrictions: Iterable[Restriction]) -> list[dict[str, list[str]]]:
    """Restrictions in one spelling: networks in CIDR form, everything sorted, nothing twice."""
    plain = [{key: sorted({_network(item) for item in items}) for key, items in entry.items()} for entry in restrictions]
    unique = {repr(sorted(entry.items())): entry for entry in plain}
    return [unique[key] for key in sorted(unique)]


def require_addresses(restrictions: Restrictions | None, host: str, attempt: str) -> None:
    """Raise ItemError for an element that admits nobody, which a server takes without a word, and for what is no address."""
    texts = [text for entry in restrictions or () for items in entry.values() for text in items]
    wrong = [text for text in texts if not _is_network(text)]
    if wrong:
        reason = f"authentication_restrictions holds what is no address or network ({', '.join(wrong)})"
        raise ItemError(host, attempt, reason, "correct it")
    if any(not entry or not all(entry.values()) for entry in restrictions or ()):
        reason = "an element of authentication_restrictions names no address, or has a list that names none"
        raise ItemError(host, attempt, reason, "name one, or leave it out")


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False)) if _is_network(text) else text


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
