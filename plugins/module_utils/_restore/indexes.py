# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which indexes there are to be once all documents are there: a unique one fails on what lies between two points in time. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Spec = Mapping[str, Any]
_NAME = "name"
_IDENTITY = "_id_"


class Indexes:
    """By the UUID of their collection, so that a collection may take another name. Without those on ``_id``."""

    def __init__(self) -> None:
        self._of: dict[bytes, dict[str, Spec]] = {}

    def of(self, uuid: bytes) -> dict[str, Spec]:
        return dict(self._of.get(uuid, {}))

    def add(self, uuid: bytes, specs: Iterable[Spec]) -> None:
        found = self._of.setdefault(uuid, {})
        for spec in specs:
            if spec[_NAME] != _IDENTITY and not spec.get("clustered"):
                found[spec[_NAME]] = {key: value for key, value in spec.items() if key != "ns"}

    def forget(self, uuid: bytes) -> None:
        self._of.pop(uuid, None)

    def drop(self, uuid: bytes, which: Any) -> None:
        """``which`` is a name, several, a key, or ``*``."""
        found = self._of.get(uuid, {})
        if which == "*":
            found.clear()
            return
        names = [which] if isinstance(which, str) else list(which) if isinstance(which, list) else _named(found, which)
        for name in names:
            found.pop(name, None)

    def alter(self, uuid: bytes, change: Mapping[str, Any]) -> None:
        """As ``index`` of ``collMod`` tells."""
        found = self._of.get(uuid, {})
        for name in [change[_NAME]] if _NAME in change else _named(found, change["keyPattern"]):
            if name in found:
                altered = {key: value for key, value in change.items() if key not in {_NAME, "keyPattern"}}
                spec = {**found[name], **altered}
                if spec.get("unique"):
                    spec.pop("prepareUnique", None)
                found[name] = {key: value for key, value in spec.items() if key not in _FLAGS or value}


_FLAGS = frozenset({"hidden", "prepareUnique", "unique"})


def _named(found: Mapping[str, Spec], key: Mapping[str, Any]) -> list[str]:
    return [name for name, spec in found.items() if list(spec["key"].items()) == list(key.items())]
