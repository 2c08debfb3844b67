# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.units import Reach


def confinement(reach: Mapping[str, Sequence[str]]) -> str:
    words: dict[str, Any] = {name: tuple(values) for name, values in reach.items()}
    return "\n".join(Reach(**words).lines())


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"confinement": confinement}
