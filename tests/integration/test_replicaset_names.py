# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A member is who it is, not how its name is spelled: other names for members of a running set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration import ports
from integration.harness import Mongod, mongods, one_sentence, run_module, unchanged

PORT = ports.first(__file__)
QUICK = {"electionTimeoutMillis": 2000}


def manage(server: Mongod, members: list[Any], *, check: bool = False) -> dict[str, Any]:
    options = {"login_host": "127.0.0.1", "login_port": server.port, "tls": False, "replica_set": "rs", "timeout": 60}
    return run_module("mongodb_replicaset", check=check, members=members, settings=QUICK, wait_for="all", **options)


def config_of(server: Mongod) -> dict[str, Any]:
    with server.client() as client:
        document: dict[str, Any] = client.admin.command("replSetGetConfig")["config"]
        return document


def by_name(server: Mongod) -> str:
    return f"localhost:{server.port}"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Mongod]]:
    with mongods(tmp_path_factory.mktemp("names"), 3, "6.0.27", "--replSet", "rs", port=PORT) as servers:
        members = [{"host": server.address, "tags": {"rack": str(number)}} for number, server in enumerate(servers)]
        made = manage(servers[0], members)
        assert made.get("changed"), made
        yield servers


def test_one_server_is_not_initiated_under_two_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    with mongods(tmp_path_factory.mktemp("new"), 2, "6.0.27", "--replSet", "rs", port=PORT + 10) as (server, other):
        refused = manage(server, [server.address, by_name(server), other.address])
        assert f"{server.address} and {by_name(server)} lead to one server" in one_sentence(refused)


def test_a_member_under_another_name_is_the_same_member(three: list[Mongod]) -> None:
    before = config_of(three[0])
    wanted = [three[0].address, three[1].address, by_name(three[2])]
    predicted = manage(three[0], wanted, check=True)
    assert config_of(three[0]) == before
    done = manage(three[0], wanted)
    rename = f"rename {three[2].address} to {by_name(three[2])}"
    assert predicted["changes"] == done["changes"] == [rename], done
    after = config_of(three[0])
    assert [{**member, "host": ""} for member in after["members"]] == [{**member, "host": ""} for member in before["members"]]
    assert [member["host"] for member in after["members"]] == wanted
    assert unchanged(manage(three[0], wanted))


def test_all_of_them_get_other_names_the_primary_last(three: list[Mongod]) -> None:
    wanted = [by_name(server) for server in three]
    done = manage(three[0], wanted)
    with three[0].client() as client:
        leader = client.admin.command("hello")["primary"]
    assert done["changed"], done
    assert len(done["changes"]) == 2
    assert done["changes"][-1].endswith(f"to {leader}")
    assert [member["host"] for member in config_of(three[0])["members"]] == wanted
    assert unchanged(manage(three[0], wanted))


def test_back_again_with_another_member_down(three: list[Mongod]) -> None:
    """The former declaration is still one that the module can go back to."""
    three[2].stop(kill=True)
    try:
        back = [three[0].address, three[1].address, by_name(three[2])]
        done = run_module(
            "mongodb_replicaset", login_host="127.0.0.1", login_port=three[0].port, tls=False, replica_set="rs",
            timeout=60, members=back, wait_for="primary",
        )  # fmt: skip
        assert done.get("changed"), done
        assert [member["host"] for member in config_of(three[0])["members"]] == back
        gone = [three[0].address, three[1].address, three[2].address]
        assert "does not answer" in one_sentence(manage(three[0], gone))
        assert [member["host"] for member in config_of(three[0])["members"]] == back
    finally:
        three[2].start()


@pytest.mark.parametrize("further", [{}, {"votes": 0, "priority": 0, "hidden": True}])
def test_two_names_for_one_member_are_refused(three: list[Mongod], further: dict[str, Any]) -> None:
    before = config_of(three[0])
    present = [member["host"] for member in before["members"]]
    other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}[present[1].split(":")[0]] + f":{three[1].port}"
    told = one_sentence(manage(three[0], [*present, {"host": other, **further}]))
    assert present[1] in told
    assert other in told
    assert config_of(three[0]) == before
