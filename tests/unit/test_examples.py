# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documents show can be used as it stands: YAML parses, options and variables exist, Ansible accepts the playbooks."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import ROOT, ansible

from ansible_collections.stronghold.mongodb.plugins.filter.topology import topology
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import archive, offsite
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.gauges import gauges as backup_gauges
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import Record
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.memory import Memory as InboxMemory
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.report import gauges as inbox_gauges
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import State
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical import physical
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.physical import Memory as PhysicalMemory
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Catalogue
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore import drills
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.outcome import Outcomes
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch import certificates, logs

PREFIX = "stronghold.mongodb."
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = sorted((ROOT / "examples").rglob("*.yml"))
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
PLAYBOOKS = [
    file
    for file in [*FILES, *sorted((ROOT / "playbooks").glob("*.yml"))]
    if file.name not in {"inventory.yml", "requirements.yml", "execution-environment.yml"}
]
# Names that begin like a role's variable and are none.
OTHER_NAMES = {
    "mongodb_certificates",
    "mongodb_storage",
    "mongodb_hosts",
    "mongodb_monitoring",
    "mongodb_drill",
    "mongodb_offsite",
    "mongodb_oplog",
}
METRICS = {
    gauge.name
    for gauge in (
        *certificates.gauges((), datetime.now(timezone.utc)),
        *logs.gauges((), 0),
        *archive.gauges(State(None, None, None, 0, False, None), 0),
        *backup_gauges(Catalogue((), (), ()), Record(), 0),
        *drills.gauges(Outcomes()),
        *offsite.gauges(0),
        *inbox_gauges(Known(Catalogue((), (), ()), Record(), {}), InboxMemory(), {}, 0),
        *physical.gauges(PhysicalMemory(ran="2026-01-01T00:00:00Z")),
    )
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(text: Path) -> Iterator[tuple[str, Any]]:
    for number, block in enumerate(re.findall(r"^ *```yaml\n(.*?)^ *```$", text.read_text(), re.MULTILINE | re.DOTALL)):
        yield f"{named(text)} block {number + 1}", yaml.safe_load(block)


def constants(path: Path) -> dict[str, str]:
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = str(node.value.value)
    return found


def options(module: str) -> dict[str, Any]:
    """The documented options of a module of this collection, with those of its fragments."""
    documented = yaml.safe_load(constants(ROOT / "plugins" / "modules" / f"{module}.py")["DOCUMENTATION"])
    found = dict(documented.get("options") or {})
    for name in documented.get("extends_documentation_fragment", []):
        fragment, _dot, variant = name[len(PREFIX) :].partition(".")
        source = (ROOT / "plugins" / "doc_fragments" / f"{fragment}.py").read_text()
        texts = {
            node.targets[0].id: node.value.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
        }
        shared = yaml.safe_load(texts[variant.upper() or "DOCUMENTATION"]) or {}
        found = {**(shared.get("options") or {}), **found}
    return found


def unknown(given: Any, known: dict[str, Any], where: str = "") -> list[str]:
    """Paths of the options in ``given`` that are not among ``known``."""
    names = {alias: name for name, spec in known.items() for alias in (name, *(spec or {}).get("aliases", []))}
    found = []
    for key, value in given.items():
        if key not in names:
            found.append(f"{where}{key}")
            continue
        inner = (known[names[key]] or {}).get("suboptions")
        for part in value if isinstance(value, list) else [value]:
            if inner and isinstance(part, dict):
                found += unknown(part, inner, f"{where}{key}.")
    return found


def tasks(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every use of a module of this collection anywhere below ``node``, and its options."""
    if isinstance(node, list):
        for item in node:
            yield from tasks(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str) and key.startswith(f"{PREFIX}mongodb_") and isinstance(value, (dict, type(None))):
                yield key[len(PREFIX) :], value or {}
            else:
                yield from tasks(value)


def shown() -> Iterator[tuple[str, Any]]:
    for module in MODULES:
        yield named(module), yaml.safe_load(constants(module)["EXAMPLES"])
    for file in FILES:
        yield named(file), yaml.safe_load(file.read_text())
    for text in TEXTS:
        yield from blocks(text)


def variables() -> set[str]:
    found = set()
    for spec in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(spec.read_text())["argument_specs"].values():
            found |= set(entry["options"])
    return found


def test_every_block_and_example_parses() -> None:
    found = dict(shown())
    assert {name.split(" ")[0] for name in found} >= {"README.md", "docs/deploy.md", "docs/day2.md", "examples/inventory.yml"}
    assert [name for name, content in found.items() if not content] == []


@pytest.mark.parametrize("where, content", [pytest.param(*item, id=item[0]) for item in shown()])
def test_modules_are_shown_with_options_that_exist(where: str, content: Any) -> None:
    known = {path.stem for path in MODULES}
    uses = list(tasks(content))
    assert [module for module, _given in uses if module not in known] == []
    assert {module: left for module, given in uses if (left := unknown(given, options(module)))} == {}
    if where.startswith("plugins/modules/"):
        assert Path(where).stem in {module for module, _given in uses}


@pytest.mark.parametrize("text", [*TEXTS, *FILES], ids=named)
def test_variables_that_are_named_exist(text: Path) -> None:
    known = (
        variables() | OTHER_NAMES | METRICS | {path.stem for path in MODULES} | {role.name for role in (ROOT / "roles").iterdir()}
    )
    names = set(re.findall(r"(?<![\w*])mongodb_[a-z0-9_]*[a-z0-9]\b(?![_*])", text.read_text()))
    assert sorted(names - known) == []


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=named)
def test_ansible_accepts_the_playbook(playbook: Path) -> None:
    inventory = ROOT / "examples" / "inventory.yml"
    done = ansible("playbook", "--syntax-check", "-i", str(inventory), str(playbook))
    assert done.returncode == 0, done.stdout + done.stderr


def derived(inventory: Path) -> dict[str, Any]:
    """The cluster of an inventory as Ansible reads it, through the collection's filter."""
    done = ansible("inventory", "-i", str(inventory), "--list")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    hosts = listed["_meta"]["hostvars"]
    first = hosts[listed["mongodb"]["hosts"][0]]
    zones = first.get("mongodb_cluster_zones", [])
    return topology(hosts, listed["mongodb"]["hosts"], listed["mongodb_backup"]["hosts"], zones=zones)


def is_cluster(found: dict[str, Any]) -> bool:
    members = [(member["zone"], member["priority"]) for member in found["members"]]
    return members == [("a", 3), ("b", 2), ("c", 1)] and found["seed"] == "db-a.example.com" and len(found["peers"]) == 4


def test_the_inventory_describes_a_cluster() -> None:
    assert is_cluster(derived(ROOT / "examples" / "inventory.yml"))


def test_the_readme_s_inventory_describes_the_same(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump(next(content for _where, content in blocks(ROOT / "README.md"))))
    assert is_cluster(derived(inventory))
    assert derived(inventory)["members"] == derived(ROOT / "examples" / "inventory.yml")["members"]


def test_alerts_name_metrics_that_there_are_and_say_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load((ROOT / "docs/alerts.yml").read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        named = set(re.findall(r"mongodb_[a-z_]+", rule["expr"]))
        assert named
        assert named <= METRICS
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert "{{ $labels.instance }}" in rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")
