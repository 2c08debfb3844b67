# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.modes import LADDERS, problem


def later_mode(present: str | None, name: str, step: str | None = None) -> str:
    return LADDERS[name].later(present, step)


def migration_problem(survey: Mapping[str, Any], name: str, declared: str, host: str) -> str:
    return problem(name, survey, declared, host)


def migration_steps(name: str) -> list[str]:
    return list(LADDERS[name].steps[1:])


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"later_mode": later_mode, "migration_problem": migration_problem, "migration_steps": migration_steps}
