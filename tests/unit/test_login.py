# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where and as whom to connect, from the options of a module."""

from __future__ import annotations

from dataclasses import fields

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec


def test_every_option_of_a_login_arrives_and_others_do_not_matter() -> None:
    given = {name: f"a {name}" for name in login_argument_spec()}
    login = Login.from_params({**given, "tls_dir": "/etc/stronghold/tls", "state": "present"})
    found = {field.name: getattr(login, field.name) for field in fields(login)}
    assert {found.pop(name.removeprefix("login_")) for name in given} == set(given.values())
    assert found == {}
