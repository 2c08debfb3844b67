# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._host import apt, install_plan, package_failure


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "apt_install": apt.install_command,
            "install_source": install_plan.source,
            "install_plan": install_plan.plan,
            "key_problem": install_plan.key_problem,
            "package_failure": package_failure.sentence,
        }
