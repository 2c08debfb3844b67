# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example of docs/allowlist.md and of the modules' own pages, run in its order, each twice."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from integration.harness import ROOT, run_module
from integration.namespaces import Net

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.inventory import groups

MODULE = re.compile(r"stronghold\.mongodb\.(mongodb_allowlist(?:_info)?)")
HOSTS = {"members": {"db-a": "192.0.2.11", "db-b": "192.0.2.12"}, "backup": {"vault-c": "192.0.2.14"}}
ON_TRIAL = "systemd does not run here"  # in a network namespace; the story of solo tries it


def guide() -> list[Any]:
    text = (ROOT / "docs" / "allowlist.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def page(module: str) -> list[Any]:
    source = (ROOT / "plugins" / "modules" / f"{module}.py").read_text()
    return [yaml.safe_load(source.split('EXAMPLES = r"""')[1].split('"""')[0])]


def calls(block: Any) -> list[tuple[str, dict[str, Any]]]:
    """Modules and options that a block leads to: tasks as they are, variables as the role passes them on."""
    if isinstance(block, list):
        return [(found[1], options or {}) for task in block for key, options in task.items() if (found := MODULE.fullmatch(key))]
    found = groups(block.get("mongodb_firewall_sources", []), HOSTS)
    management = block.get("mongodb_firewall_management_sources", [])
    return [("mongodb_allowlist", {"groups": found, "state": "exact", "purge": True, "management": management})]


@pytest.mark.parametrize(
    "blocks", [guide(), page("mongodb_allowlist"), page("mongodb_allowlist_info")], ids=["guide", "page", "info"]
)
def test_each_example_does_what_it_says(net: Net, blocks: list[Any]) -> None:
    done = 0
    for module, options in (call for block in blocks for call in calls(block)):
        first = run_module(module, within=net.db.within, **options)
        if "confirm_timeout" in options:
            assert ON_TRIAL in first["msg"]
            continue
        assert not first.get("failed"), (options, first)
        assert first["changed"] is (module == "mongodb_allowlist"), options
        assert run_module(module, within=net.db.within, **options)["changed"] is False, options
        done += 1
    assert done >= 1
