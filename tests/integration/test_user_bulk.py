# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""mongodb_user with many accounts: purge, time limits, a set whose primary changes meanwhile, two controllers at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.harness import LOG, Mongod, logging_to, mongods, one_sentence, run_module, unchanged
from integration.sites import Kind, Site, declared, login, manage, served

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import plan_users
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import Terms, grant_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.purge import Purge
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import ServerError, connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

PORT = ports.first(__file__)
FUTURE = "2090-01-01T12:00:00+02:00"
PAST = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module", params=[Kind("5.0.4", False, False), Kind("6.0.27", True, True)], ids=str)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("user"), request.param, certificates, PORT) as running:
        yield running


OPTIONS: list[tuple[dict[str, Any], str | None]] = [
    ({"password": "one", "roles": ["read"]}, "create user u@admin"),
    ({}, None),
    ({"password": "two", "update_password": "on_create"}, None),
    ({"mechanisms": ["SCRAM-SHA-256"]}, "update user u@admin: mechanisms"),
    ({"password": "two"}, "update user u@admin: password"),
    ({"mechanisms": ["SCRAM-SHA-256"]}, None),
    ({"password": "two", "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"]}, "update user u@admin: mechanisms"),
    ({"authentication_restrictions": [{"clientSource": ["127.0.0.1"]}]}, "update user u@admin: authentication_restrictions"),
    ({"custom_data": {"a": [1, {"b": None}]}}, "update user u@admin: custom_data"),
    ({"valid_until": FUTURE, "granted_by": "ann", "reason": "7"}, "update user u@admin: valid_until"),
    ({"valid_until": "2090-01-01T10:00:00Z", "granted_by": "ann", "reason": "7"}, None),
    ({"valid_until": FUTURE, "granted_by": "bob", "reason": "7"}, "update user u@admin: valid_until"),
    ({"custom_data": {"a": [1, {"b": None}]}}, None),
    ({"custom_data": {"a": 2}}, "update user u@admin: custom_data"),
    ({"valid_until": ""}, "update user u@admin: valid_until"),
    ({"valid_until": ""}, None),
    (
        {"roles": [], "authentication_restrictions": [], "custom_data": {}},
        "update user u@admin: roles, authentication_restrictions, custom_data",
    ),
    (
        {"valid_until": PAST, "granted_by": "ann", "reason": "7"},
        "drop user u@admin, whose time ended at 2020-01-01T00:00:00.000Z",
    ),
    ({"valid_until": PAST, "granted_by": "ann", "reason": "7", "password": "x"}, None),
]


def test_every_option_changes_itself_alone_and_once(site: Site) -> None:
    for options, change in OPTIONS:
        before = site.stored("u")
        plan = manage(site, [declared(name="u", **options)])
        assert plan.applied == ([change] if change else []), options
        assert plan.failures == {}
        assert (site.stored("u") == before) is (change is None)
        assert manage(site, [declared(name="u", **options)], apply=False).changes == [], options


def test_an_address_restriction_does_not_fool_the_comparison(site: Site) -> None:
    far = declared(name="far", password="right", authentication_restrictions=[{"clientSource": ["192.0.2.1"]}])
    manage(site, [far])
    assert not site.logs_in("far", "right")
    assert manage(site, [far]).changes == []
    assert manage(site, [declared(name="far", authentication_restrictions=[])]).changed
    assert site.logs_in("far", "right")


def test_a_grant_is_stored_as_dates_and_shown_as_text(site: Site) -> None:
    grant = {"valid_until": FUTURE, "granted_by": "ann", "reason": "ticket 7"}
    begin = datetime.now(timezone.utc)
    predicted = site.user(name="temp", password="x1y2z3", check=True, **grant)
    done = site.user(name="temp", password="x1y2z3", **grant)
    assert predicted["changes"] == done["changes"] == ["create user temp@admin"]
    shown = done["diff"][0]["after"]["grant"]
    assert {**shown, "granted_at": None} == {**grant, "valid_until": "2090-01-01T10:00:00.000Z", "granted_at": None}
    stored = site.stored("temp")
    assert stored is not None
    assert stored["customData"]["stronghold"]["valid_until"] == datetime(2090, 1, 1, 10)
    found = grant_of(stored["customData"])
    assert found is not None
    assert abs(found.granted_at - begin) < timedelta(seconds=30)
    assert unchanged(site.user(name="temp", password="x1y2z3", **grant))
    assert site.stored("temp") == stored
    expired = site.user(name="temp", password="x1y2z3", **{**grant, "valid_until": PAST})
    assert expired["users"] == [{"name": "temp", "database": "admin", "changed": True, "expired": True}]
    assert site.stored("temp") is None
    again = site.user(name="temp", password="x1y2z3", **{**grant, "valid_until": PAST})
    assert unchanged(again)
    assert again["users"] == [{"name": "temp", "database": "admin", "changed": False, "expired": True}]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"valid_until": FUTURE}, "valid_until needs granted_by and reason"),
        ({"valid_until": FUTURE, "granted_by": "ann"}, "valid_until needs granted_by and reason"),
        ({"granted_by": "ann"}, "belong to a valid_until"),
        ({"valid_until": "2090-01-01T12:00:00", "granted_by": "ann", "reason": "7"}, "has no time zone"),
        ({"custom_data": {"stronghold": {}}}, "is reserved"),
        ({"roles": [{"name": "read"}]}, "a role is a name or has the keys role and db"),
    ],
)
def test_a_malformed_declaration_is_refused_before_anything_happens(options: dict[str, Any], told: str) -> None:
    nowhere = {"login_host": "127.0.0.1", "login_port": PORT + 9, "tls": False}
    refused = run_module("mongodb_user", users=[{"name": "fine", "password": "x"}, {"name": "u", **options}], **nowhere)
    assert "could not accept the declaration of user u@admin because " in one_sentence(refused)
    assert told in refused["reason"]
    twice = run_module("mongodb_user", users=[{"name": "a"}, {"name": "b"}, {"name": "a"}], **nowhere)
    assert "more than once: user a@admin" in twice["msg"]


def test_a_value_that_bson_lacks_stops_nobody_else(site: Site) -> None:
    values: list[dict[str, Any]] = [{"n": 2**70}, {"a\0": 1}, {}]
    users = [declared(name=f"odd{index}", password="x", custom_data=data) for index, data in enumerate(values)]
    plan = manage(site, users)
    assert plan.applied == ["create user odd2@admin"]
    assert all("MongoDB cannot store a value" in str(error) for error in plan.failures.values())
    assert len(plan.failures) == 2
    manage(site, [User("odd2", present=False)])


def test_the_call_goes_on_with_the_new_password_of_the_account_in_use(site: Site) -> None:
    with site.root() as root:
        root.admin.command("createUser", "second", pwd="old", roles=["root"])
    where = replace(login(site), user="second", password="old")
    with Accounts.opened(where, "test", None) as accounts:
        plan, _shown = plan_users(accounts, [User("second", password="new")])
        plan.apply()
        with connect(accounts.login):  # as whoever ends sessions on the other members
            assert accounts.in_use() == {("admin", "second")}
    manage(site, [User("second", present=False)])


def test_what_a_dropped_account_was_doing_ends(site: Site) -> None:
    grant = {"valid_until": FUTURE, "granted_by": "ann", "reason": "7"}
    manage(site, [declared(name="busy", password="x", roles=["readWriteAnyDatabase"], **grant)])
    ended = threading.Event()

    def work() -> None:
        with site.client(username="busy", password="x") as client:
            client.shop.numbers.insert_one({"n": 1})
            try:
                list(client.shop.numbers.find({"$where": "sleep(60000) || true"}))
            except pymongo.errors.PyMongoError:
                ended.set()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    with site.root() as root:
        deadline = time.monotonic() + 20
        running = [{"$currentOp": {"allUsers": True}}, {"$match": {"effectiveUsers.user": "busy", "op": "query"}}]
        while not list(root.admin.aggregate(running)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    plan = manage(site, [declared(name="busy", valid_until=PAST, granted_by="ann", reason="7")])
    assert (len(plan.applied), plan.warnings) == (1, [])
    assert ended.wait(10)


def test_sessions_that_may_not_be_ended_are_a_warning_as_the_account_is_gone(site: Site) -> None:
    with site.root() as root:
        root.desk.command("createUser", "clerk", pwd="cl3rk", roles=["userAdmin"])
    grant = {"valid_until": FUTURE, "granted_by": "ann", "reason": "7"}
    manage(site, [declared(name="temp", database="desk", password="x", **grant)])
    clerk = {"login_user": "clerk", "login_password": "cl3rk", "login_database": "desk"}
    done = site.user(name="temp", database="desk", state="absent", **clerk)
    assert done["changes"] == ["drop user temp@desk"]
    assert "could not end the sessions of temp@desk" in str(done["warnings"])
    assert site.names("desk") == {"clerk"}


def test_purge_drops_what_is_not_declared_in_the_named_databases_alone(site: Site) -> None:
    with site.root() as root:
        for database in ("shop", "stock", "other", "$external"):
            for name in ("kept", "old", "guard"):
                root[database].command("createUser", name, roles=[], **({} if database == "$external" else {"pwd": "x"}))
        root.shop.command("createUser", "marked", pwd="x", roles=[], customData={"stronghold": {"internal": True}})
        root.admin.command("createRole", "stronghold_rotation", privileges=[], roles=[])
        root["$external"].command("createUser", "CN=db-a", roles=[{"role": "stronghold_rotation", "db": "admin"}])
        root.shop.command("createUser", "away", pwd="x", roles=[])
    present = {name: site.names(name) for name in ("admin", "shop", "stock", "other", "$external")}
    options = {
        "users": [
            {"name": "kept", "database": "shop"},
            {"name": "away", "database": "shop", "state": "absent"},
            {"name": "new", "database": "stock", "password": "s3cret"},
        ],
        "purge": True,
        "databases": ["shop", "stock", "$external"],
        "protected": ["guard@shop", "kept"],
    }
    predicted = site.user(check=True, **options)
    assert {name: site.names(name) for name in present} == present
    done = site.user(**options)
    assert done["changes"] == [
        "drop user away@shop",
        "create user new@stock",
        "drop user marked@shop",
        "drop user old@shop",
        "drop user guard@stock",
        "drop user old@stock",
        "drop user guard@$external",
        "drop user old@$external",
    ]
    assert [predicted[key] for key in ("changes", "diff", "users")] == [done[key] for key in ("changes", "diff", "users")]
    assert [entry["before_header"] for entry in done["diff"]][3] == "user old@shop"
    assert done["diff"][3]["before"]["mechanisms"] == ["SCRAM-SHA-1", "SCRAM-SHA-256"]
    assert {"name": "old", "database": "shop", "changed": True, "purged": True} in done["users"]
    assert site.names("shop") == {"kept", "guard"}
    assert site.names("stock") == {"kept", "new"}
    assert site.names("$external") == {"kept", "CN=db-a"}
    assert (site.names("admin"), site.names("other")) == (present["admin"], present["other"])
    assert unchanged(site.user(**options))
    with site.root() as root:
        root["$external"].command("dropUser", "CN=db-a")
        root.admin.command("dropRole", "stronghold_rotation")


OWN_DATA = [{"resource": {"db": "admin", "collection": ""}, "actions": ["changeOwnCustomData"]}]


def test_an_end_on_an_account_that_could_lift_it_is_refused(site: Site) -> None:
    """Through a role that it inherits, or by any kind of administration of accounts."""
    with site.root() as root:
        root.admin.command("createRole", "lifter", privileges=OWN_DATA, roles=[])
        root.admin.command("createRole", "heir", privileges=[], roles=["lifter"])
    grant = {"password": "x", "valid_until": FUTURE, "granted_by": "ann", "reason": "7"}
    for role in ("root", "userAdminAnyDatabase", {"role": "userAdmin", "db": "shop"}, {"role": "dbOwner", "db": "shop"}, "heir"):
        plan = manage(site, [declared(name="temp", roles=[role], **grant)])
        assert plan.applied == [], role
        assert "an account with an end must not be able to lift it, and it may" in str(plan.failures["user temp@admin"]), role
    predicted, refused = (site.user(name="temp", roles=["heir"], check=check, **grant) for check in (True, False))
    assert one_sentence(predicted) == one_sentence(refused)
    assert "may change what is kept with it (changeOwnCustomData on admin); take that from its roles" in refused["msg"]
    assert site.stored("temp") is None
    allowed = ["readWriteAnyDatabase", "dbAdminAnyDatabase", "clusterMonitor", "backup"]
    assert manage(site, [declared(name="temp", roles=allowed, **grant)]).applied == ["create user temp@admin"]
    assert "lift it" in str(manage(site, [declared(name="temp", roles=["heir"])]).failures["user temp@admin"])
    with site.root() as root:
        root.admin.command("grantRolesToUser", "temp", roles=["heir"])
    assert "lift it" in str(manage(site, [declared(name="temp", valid_until="")]).failures["user temp@admin"])
    assert manage(site, [declared(name="temp", password="y")]).applied == ["update user temp@admin: password"]
    assert manage(site, [declared(name="temp", **{**grant, "valid_until": PAST})]).failures == {}
    assert site.stored("temp") is None
    with site.root() as root:
        for role in ("heir", "lifter"):
            root.admin.command("dropRole", role)


def test_purge_never_drops_the_account_in_use_nor_guesses_its_databases(site: Site) -> None:
    assert manage(site, [], Purge(("admin",)), apply=True).failures == {}
    assert site.names("admin") == {"root"}
    assert manage(site, [], Purge()).changes == []
    for options in ({"users": []}, {"users": [], "purge": True}, {"name": "n", "purge": True, "databases": ["admin"]}):
        result = site.user(**options)
        assert unchanged(result) if options == {"users": []} else "missing" in result["msg"]
    assert site.names("admin") == {"root"}
    if site.kind.tls:
        name = "CN=app,O=Example"
        manage(site, [User("kept", "$external", present=False), User(name, "$external", roles=frozenset({Key("admin", "root")}))])
        certificate = {"auth_mechanism": "MONGODB-X509", "tls_certificate_key_file": str(site.certificates / "app.pem")}
        anonymous = {"login_user": None, "login_password": None}
        assert unchanged(site.user(users=[], purge=True, databases=["$external"], **certificate, **anonymous))
        assert site.names("$external") == {name}


def test_purge_of_a_database_that_may_not_be_read_does_not_stop_the_rest(site: Site) -> None:
    with site.root() as root:
        root.mine.command("createUser", "clerk", pwd="cl3rk", roles=["userAdmin"])
        root.mine.command("createUser", "old", pwd="x", roles=[])
    clerk = {"login_user": "clerk", "login_password": "cl3rk", "login_database": "mine"}
    failed = site.user(users=[], purge=True, databases=["mine", "theirs"], **clerk)
    assert "could not manage 1 of 2 users because of the users of theirs (the account in use lacks viewUser on theirs)" in (
        one_sentence(failed)
    )
    assert failed["applied"] == ["drop user old@mine"]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Mongod]]:
    with mongods(tmp_path_factory.mktemp("set"), 3, "6.0.27", "--replSet", "rs", port=PORT + 20) as servers:
        with servers[0].client() as client:
            hosts = [{"_id": index, "host": server.address} for index, server in enumerate(servers)]
            settings = {"electionTimeoutMillis": 2000}
            client.admin.command("replSetInitiate", {"_id": "rs", "members": hosts, "settings": settings})
        with pymongo.MongoClient(servers[0].address, replicaSet="rs") as client:
            client.admin.command("ping", read_preference=pymongo.ReadPreference.PRIMARY)
        yield servers


def test_the_primary_is_found_from_any_member(members: list[Mongod]) -> None:
    with pymongo.MongoClient(members[0].address, replicaSet="rs") as client:
        client.admin.command("ping")
        assert client.primary is not None
        other = next(member for member in members if member.port != client.primary[1])
    where = {"login_host": "127.0.0.1", "login_port": other.port, "tls": False}
    user = {"name": "u", "password": "s3cret"}
    begin = time.monotonic()
    assert "name the set in replica_set" in one_sentence(run_module("mongodb_user", **where, **user))
    assert time.monotonic() - begin < 5
    assert run_module("mongodb_user", **where, **user, replica_set="rs")["changed"]
    assert unchanged(run_module("mongodb_user", **where, **user, replica_set="rs"))


def test_a_primary_that_steps_down_meanwhile_loses_no_user(members: list[Mongod]) -> None:
    users = [User(f"step{number}", password="x", roles=frozenset({Key("shop", "read")})) for number in range(60)]
    where = Login(host="127.0.0.1", port=members[1].port, replica_set="rs", tls=False)
    stepped = threading.Event()

    def step_down(leader: pymongo.MongoClient[dict[str, Any]]) -> None:
        time.sleep(0.5)
        leader.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2, "force": True})
        stepped.set()

    with pymongo.MongoClient(members[1].address, replicaSet="rs") as leader, Accounts.opened(where, "test", None) as accounts:
        term = leader.admin.command("replSetGetStatus")["term"]
        plan, _shown = plan_users(accounts, users)
        thread = threading.Thread(target=step_down, args=(leader,))
        thread.start()
        plan.apply()
        thread.join()
        assert stepped.is_set()
        assert leader.admin.command("replSetGetStatus")["term"] > term
        assert plan.failures == {}
        assert sorted(plan.applied) == sorted(f"create {user.title}" for user in users)
        assert plan_users(accounts, users)[0].changes == []


def test_two_controllers_that_run_the_same_play_at_once(members: list[Mongod]) -> None:
    users = [{"name": f"both{number}", "password": "x", "roles": ["read"]} for number in range(40)]
    where = {"login_host": "127.0.0.1", "login_port": members[0].port, "tls": False, "replica_set": "rs"}

    def play(_controller: int) -> dict[str, Any]:
        return run_module("mongodb_user", **where, users=users)

    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(play, range(2)))
    assert [result.get("msg") for result in results] == [None, None]
    counted = [sum(result["users"][index]["changed"] for result in results) for index in range(len(users))]
    assert counted == [1] * len(users)
    assert unchanged(play(0))


def test_an_unreachable_server_ends_within_its_timeout() -> None:
    begin = time.monotonic()
    where = {"login_host": "127.0.0.1", "login_port": PORT + 9, "tls": False, "login_timeout": 2}
    assert "nothing listens there" in one_sentence(run_module("mongodb_user", name="n", **where))
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("password", ["Canary", "Canary\\of", "Canary'\"of", "Canary\nof", "Canary\u00e4of"])
def test_no_password_is_in_the_log_of_the_host(tmp_path: Path, password: str) -> None:
    where = {"login_host": "127.0.0.1", "login_port": PORT + 9, "tls": False, "login_timeout": 1}
    users = [{"name": "n", "password": password}]
    result = run_module("mongodb_user", within=logging_to(tmp_path), users=users, **where)
    assert "nothing listens there" in one_sentence(result)
    assert "Canary" not in str(result)
    logged = (tmp_path / LOG).read_text()
    assert f"login_port={PORT + 9}" in logged
    assert "Canary" not in logged


def test_a_server_that_goes_away_ends_the_call_with_what_was_applied(tmp_path: Path, certificates: Path) -> None:
    with served(tmp_path, Kind("6.0.27", False, False), certificates, PORT + 30) as site:
        users = [User(f"u{number}", password="x") for number in range(400)]
        with Accounts.opened(replace(login(site), timeout=2), "test", None) as accounts:
            plan, _shown = plan_users(accounts, users)
            threading.Timer(1, site.mongod.stop, kwargs={"kill": True}).start()
            with pytest.raises(Exception, match="nothing listens there") as caught:
                plan.apply()
        assert type(caught.value) is ServerError
        assert 0 < len(plan.applied) < len(users)
        assert plan.failures == {}


def test_terms_are_declared_as_given() -> None:
    user = declared(name="u", valid_until=FUTURE, granted_by="ann", reason="7")
    assert user.terms == Terms(datetime(2090, 1, 1, 10, tzinfo=timezone.utc), "ann", "7")
