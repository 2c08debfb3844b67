# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frozen dataclasses from JSON objects, with every reason why an object is none of them.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

T = TypeVar("T")


def unfit(kind: type[Any], found: Mapping[str, Any], title: str = "it") -> list[str]:
    """Reasons for which ``kind`` cannot be made of ``found``, each a clause about ``title``; no value of it is told."""
    if not isinstance(found, Mapping):
        return [f"{title} is not an object"]
    known = {field.name: field for field in fields(kind)}
    required = [name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    return [
        *(f"{title} has no {name}" for name in required if name not in found),
        *(f"{title} knows no {name}" for name in sorted(set(found) - set(known))),
    ]


def filled(kind: type[T], found: Mapping[str, Any]) -> T:
    """``kind`` of fields for which ``unfit`` has no reason. Lists become tuples."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


def unusable(command: str, reasons: Iterable[str]) -> StrongholdError:
    """The error where settings of a command of the program are not accepted; ``reasons`` are clauses."""
    attempt = f"accept the settings of the command {command}"
    return StrongholdError(platform.node(), attempt, "; ".join(reasons), "correct them")
