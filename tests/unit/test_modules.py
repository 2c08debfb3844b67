# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module promises: a page that says what it accepts, check mode, and a place in the action group if it connects."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from programs import ROOT, ansible

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import login_argument_spec

PACKAGE = "ansible_collections.stronghold.mongodb.plugins.modules"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


class Accepted(Exception):
    """Ends ``main`` where it has said what it accepts; carries that."""

    def __init__(self, argument_spec: Mapping[str, Any], supports_check_mode: bool = False, **_relations: Any) -> None:
        super().__init__()
        self.options = argument_spec
        self.supports_check_mode = supports_check_mode


def refuse(_module: Any, *arguments: Any, **named: Any) -> None:
    raise Accepted(*arguments, **named)


def accepted(name: str) -> Accepted:
    """What the module gives to AnsibleModule."""
    module = importlib.import_module(f"{PACKAGE}.{name}")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Accepted) as caught:
        patch.setattr(AnsibleModule, "__init__", refuse)
        module.main()
    return caught.value


@pytest.fixture(scope="module")
def pages() -> dict[str, Any]:
    """The page of each module, fragments included, as ansible-doc reads it."""
    done = ansible("doc", "--type", "module", "--json", *(f"stronghold.mongodb.{name}" for name in MODULES))
    assert (done.returncode, done.stderr) == (0, "")
    return {name.rpartition(".")[2]: page for name, page in json.loads(done.stdout).items()}


def shape(options: Mapping[str, Any], nested: str) -> dict[str, Any]:
    """Everything about options that documentation and code must say alike; ``nested`` is the key of sub-options."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "choices": list(option.get("choices") or ()),
            "aliases": sorted(option.get("aliases") or ()),
            "nested": shape(option.get(nested) or {}, nested),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_documented_options_are_those_that_are_accepted(name: str, pages: dict[str, Any]) -> None:
    assert shape(pages[name]["doc"]["options"], "suboptions") == shape(accepted(name).options, "options")


@pytest.mark.parametrize("name", MODULES)
def test_the_page_is_whole(name: str, pages: dict[str, Any]) -> None:
    page = pages[name]
    assert page["doc"]["version_added"]
    assert yaml.safe_load(page["examples"])
    assert page["return"]
    assert [key for key, value in page["return"].items() if not {"description", "returned", "type"} <= set(value)] == []


@pytest.mark.parametrize("name", MODULES)
def test_check_mode_is_supported_and_documented(name: str, pages: dict[str, Any]) -> None:
    assert accepted(name).supports_check_mode
    assert pages[name]["doc"]["attributes"]["check_mode"]["support"] == "full"


def test_ansible_doc_renders_the_pages_without_a_warning() -> None:
    done = ansible("doc", "--type", "module", *(f"stronghold.mongodb.{name}" for name in MODULES))
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in MODULES if f"stronghold.mongodb.{name} ".upper() not in done.stdout.upper()] == []


def test_the_action_group_is_the_modules_that_log_in() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    assert list(groups) == ["mongodb"]
    options = {name: set(accepted(name).options) for name in MODULES}
    assert sorted(groups["mongodb"]) == [name for name in MODULES if options[name] >= set(login_argument_spec())]
    assert sorted(groups["mongodb"]) == [name for name in MODULES if any(option.startswith("login_") for option in options[name])]
