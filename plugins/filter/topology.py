# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.topology import HostVars, derive


def topology(
    hostvars: HostVars, members: Sequence[str], backups: Sequence[str] = (), port: int = 27017, zones: Sequence[str] = ()
) -> dict[str, Any]:
    try:
        return derive(hostvars, members, backups, int(port), zones)
    except StrongholdError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"topology": topology}
