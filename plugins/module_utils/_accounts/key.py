# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which user, or which role. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

EXTERNAL = "$external"  # the database of users whom a certificate, or another server, vouches for


class Key(NamedTuple):
    """A name and the database in which it is defined; sorted by database. As text ``name@database``."""

    database: str
    name: str

    @classmethod
    def of(cls, document: Mapping[str, Any], noun: str) -> Key:
        """From a document {``noun``: name, db}, as a server shows users and roles."""
        return cls(document["db"], document[noun])

    def document(self, noun: str) -> dict[str, str]:
        """{``noun``: name, db}, as commands take it."""
        return {noun: self.name, "db": self.database}

    def __str__(self) -> str:
        return f"{self.name}@{self.database}"
