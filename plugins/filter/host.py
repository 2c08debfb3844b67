# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._host import names, plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.state import HostState, file_differs, unit_runs


def host_plan(survey: HostState, settings: Mapping[str, Any]) -> dict[str, Any]:
    unmet = plan.unmet(settings["python_packages"], survey["venv"]["distributions"])
    return plan.plan(survey, {**settings, "unmet": unmet})


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "file_differs": file_differs,
            "host_names": names.names,
            "host_plan": host_plan,
            "host_problems": plan.problems,
            "unit_runs": unit_runs,
        }
