# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where and as whom to connect, from the options of a module."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pymongo
import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address, server_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import NOBODY, ServerError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec


def test_every_option_of_a_login_arrives_and_others_do_not_matter() -> None:
    given: dict[str, Any] = {name: f"a {name}" for name in login_argument_spec()}
    given.update(login_host="db-a.example.org", login_port=24001)
    login = Login.from_params({**given, "tls_dir": "/etc/stronghold/tls", "state": "present"})
    found = {field.name: getattr(login, field.name) for field in fields(login)}
    assert {found.pop(name.removeprefix("login_")) for name in given} == set(given.values())
    assert found == {}


OPTIONS = {name: option.get("default") for name, option in login_argument_spec().items()}


@pytest.mark.parametrize(
    ("host", "port", "meant"),
    [
        ("localhost", None, "localhost:27017"),
        ("localhost", 24001, "localhost:24001"),
        ("127.0.0.1:24001", None, "127.0.0.1:24001"),
        ("127.0.0.1:24001", 24001, "127.0.0.1:24001"),
        ("db-a.example.org:27018", None, "db-a.example.org:27018"),
        ("::1", 24001, "[::1]:24001"),
        ("[::1]", 24001, "[::1]:24001"),
        ("[::1]:24002", None, "[::1]:24002"),
        ("/tmp/mongodb.sock", None, "/tmp/mongodb.sock"),  # noqa: S108
    ],
)
def test_a_port_may_stand_in_either_option(host: str, port: int | None, meant: str) -> None:
    assert Login.from_params({**OPTIONS, "login_host": host, "login_port": port}).address == meant


@pytest.mark.parametrize(
    ("host", "port", "because"),
    [
        ("mongodb://db-a:27017", None, "no connection string"),
        ("mongodb+srv://root:Canary@example.org/?tls=true", None, "no connection string"),
        ("root:Canary@db-a", None, "no connection string"),
        ("db-a,db-b", None, "'db-a,db-b' names several"),
        ("db-a:27017,db-b:27017", None, "names several"),
        ("db-a ", None, "'db-a ' has white space around it"),
        ("\tdb-a", None, "white space around it"),
        ("127.0.0.1:24001", 27017, "'127.0.0.1:24001' contradicts login_port, which is 27017"),
        ("[::1]:24001", 24002, "contradicts login_port, which is 24002"),
        ("db-a:", None, "'db-a:' has no valid port"),
        ("db-a:http", None, "'db-a:http' has no valid port"),
        ("db-a:99999", None, "has no valid port"),
        ("db a", None, "'db a' has no valid host name"),
        ("db-a/admin", None, "has no valid host name"),
        ("1:2:3", None, "'1:2:3' is neither a name nor an address"),
        ("", None, "has no valid host name"),
    ],
)
def test_what_names_no_server_is_told_what_the_option_takes(host: str, port: int | None, because: str) -> None:
    with pytest.raises(StrongholdError) as caught:
        Login.from_params({**OPTIONS, "login_host": host, "login_port": port})
    told = str(caught.value)
    assert "login_host takes the name or the address of one server, such as db-a.example.org, and" in told
    assert because in told
    assert "Canary" not in told


def test_other_options_are_called_by_their_names() -> None:
    with pytest.raises(ValueError, match=r"host takes .* contradicts port, which is 1"):
        server_address("a:2", 1, ("host", "port"))
    assert server_address("a:2", None, ("host", "port")) == Address("a", 2)


def test_nobody_lacks_a_privilege_who_is_not_logged_in() -> None:
    error = pymongo.errors.OperationFailure("command usersInfo requires authentication", 13)
    assert ServerError.of(error, "db-a:27017", "look").reason.startswith("the account lacks the privilege")
    told = ServerError.of(error, "db-a:27017", "look", authenticates=False)
    assert (told.reason, told.remedy) == NOBODY
    assert told.code == 13
    other = pymongo.errors.OperationFailure("bad", 2)
    assert "bad" in ServerError.of(other, "db-a:27017", "look", authenticates=False).reason


@pytest.mark.parametrize("text", ["mongodb://root:Canary@db-a", "root:Canary@db-a:27017"])
def test_nothing_is_told_of_a_connection_string_with_an_account(text: str) -> None:
    with pytest.raises(ValueError, match="a connection string is not the address of a server") as caught:
        parse_address(text)
    assert "Canary" not in str(caught.value)
