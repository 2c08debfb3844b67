# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module's text options say to values that YAML did not read as text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from programs import TREE

from ansible_collections.stronghold.mongodb.plugins.filter.topology import topology
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.text_options import misread

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "aliases": ["user"]},
    "file": {"type": "path"},
    "secret": {"no_log": True},
    "state": {"choices": ["present", "yes"]},
    "count": {"type": "int"},
    "raw": {"type": "raw"},
    "names": {"type": "list", "elements": "str"},
    "keys": {"type": "list", "elements": "str", "no_log": True},
    "open": {"type": "dict"},
    "items": {
        "type": "list",
        "elements": "dict",
        "options": {"name": {"type": "str"}, "in": {"type": "dict", "options": {"db": {}}}},
    },
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "no", "file": "/etc", "secret": "0123", "names": ["off"], "items": [{"name": "1.10"}]},
        {"name": 2024, "names": [0, 1], "items": [{"name": 7, "in": {"db": 1}}]},
        {"name": None, "secret": None, "names": None, "items": [{"name": None, "in": None}]},
        {"state": True, "count": True, "raw": False, "open": {"name": False}},
        {"names": "one", "items": "name=no"},
        {"something else": False},
    ],
)
def test_text_numbers_and_what_is_unset_are_taken(given: dict[str, Any]) -> None:
    assert list(misread(SPEC, given)) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": False}, "name is False and not text"),
        ({"user": True}, "user is True and not text"),
        ({"name": 1.1}, "name is 1.1 and not text"),
        ({"file": False}, "file is False and not text"),
        ({"names": ["a", False]}, "names[1] is False and not text"),
        ({"secret": False}, "secret is a truth value to YAML and not text"),
        ({"secret": 83}, "secret is a number to YAML and not text"),
        ({"keys": [1.5]}, "keys[0] is a number to YAML and not text"),
        ({"items": [{"name": "a"}, {"name": False}]}, "items[1].name is False and not text"),
        ({"items": [{"in": {"db": False}}]}, "items[0].in.db is False and not text"),
    ],
)
def test_what_is_no_text_is_named_with_its_place_and_no_secret(given: dict[str, Any], told: str) -> None:
    assert list(misread(SPEC, given)) == [told]


@pytest.mark.parametrize(
    ("module", "given", "told"),
    [
        ("mongodb_user", {"name": "anna", "database": False}, "because database is False and not text"),
        ("mongodb_user", {"users": [{"name": "a", "database": "b", "password": 83}]}, "users[0].password is a number to YAML"),
        ("mongodb_role", {"name": False, "database": "a"}, "because name is False and not text"),
        ("mongodb_replicaset", {"replica_set": False, "members": []}, "because replica_set is False and not text"),
        ("mongodb_config", {"config": "net: {}", "keyfile": 123456}, "because keyfile is a number to YAML and not text"),
        ("mongodb_tls_info", {"ca_file": "/ca.pem", "crl_file": False}, "because crl_file is False and not text"),
    ],
)
def test_a_module_refuses_before_anything_else(module: str, given: dict[str, Any], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"ansible_collections.stronghold.mongodb.plugins.modules.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**given, "_ansible_remote_tmp": tempfile.gettempdir()}}),
        env={**os.environ, "PYTHONPATH": str(TREE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told in json.loads(done.stdout)["msg"]


class Hostvars(dict[str, dict[str, Any]]):
    """As Ansible's: the values as they are written are had by name of the host."""

    def raw_get(self, name: str) -> dict[str, Any]:
        return self[name]


WELL = {"mongodb_cluster_zone": "a", "mongodb_cluster_address": "192.0.2.1"}


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("mongodb_tls_organization", False, "mongodb_tls_organization is False"),
        ("mongodb_tls_organization", None, "mongodb_tls_organization is null"),
        ("mongodb_cluster_host", False, "mongodb_cluster_host is False"),
        ("mongodb_cluster_admin_password", 83, "mongodb_cluster_admin_password is a number"),
        ("mongodb_cluster_secrets_dir", None, "mongodb_cluster_secrets_dir is null"),
        ("mongodb_tls_extra_names", ["a", False], "mongodb_tls_extra_names[1] is False"),
    ],
)
def test_a_variable_of_a_role_that_is_no_text_is_refused_with_its_host(variable: str, value: Any, told: str) -> None:
    hostvars = Hostvars({"db-a": WELL, "db-b": {**WELL, variable: value}})
    with pytest.raises(AnsibleFilterError, match=re.escape(f"db-b: could not accept the declaration because {told}")):
        topology(hostvars, ["db-a"], ["db-b"])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("mongodb_tls_organization", "no"),
        ("mongodb_tls_organization", 2024),
        ("mongodb_cluster_version", 7.0),
        ("mongodb_cluster_admin_password", "{{ undefined | mandatory }}"),
        ("a_variable_of_others", False),
    ],
)
def test_other_variables_are_taken(variable: str, value: Any) -> None:
    assert topology(Hostvars({"db-a": {**WELL, variable: value}}), ["db-a"])["seed"] == "db-a"
