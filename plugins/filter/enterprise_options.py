# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.edition import enterprise_options
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.options import settings_problem


def of_host(configs: Mapping[str, Any], host: str, edition: str, version: str) -> str:
    return settings_problem(host, configs, edition, version)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"enterprise_options": enterprise_options, "settings_problem": of_host}
