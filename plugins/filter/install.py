# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils import _apt, _install_plan, _package_failure


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "apt_install": _apt.install_command,
            "install_source": _install_plan.source,
            "install_plan": _install_plan.plan,
            "key_problem": _install_plan.key_problem,
            "package_failure": _package_failure.sentence,
        }
