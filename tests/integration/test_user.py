# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S105, S106 (passwords of the tests alone)

"""mongodb_user on servers of every kind: the life of an account as Ansible sees it, wide tables of values within this process."""

from __future__ import annotations

import json
import string
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.harness import mongods, one_sentence, run_module, unchanged
from integration.sites import KINDS, ROOT, Kind, Site, declared, login, manage, served, some

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import plan_users
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User

PORT = ports.first(__file__)


@pytest.fixture(scope="module", params=some(*KINDS))
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("user"), request.param, certificates, PORT) as running:
        yield running


# For what neither TLS nor a set can change: one server of each version.
on_plain_servers = pytest.mark.parametrize(
    "site", some(*(kind for kind in KINDS if not kind.tls and not kind.replica_set)), indirect=True
)


def changed(site: Site, change: str, *, as_ansible: bool = False, **options: Any) -> dict[str, Any]:
    """Predict, see that nothing happened, do it, see that it is what was predicted.

    ``as_ansible`` predicts by another run of the module, too.
    """
    before = site.stored("u")
    plan = manage(site, [declared(name="u", **options)], apply=False)
    predicted = {"changed": plan.changed, "changes": plan.summaries(), "diff": plan.diff()}
    if as_ansible:
        checked = site.user(name="u", check=True, **options)
        assert {key: checked[key] for key in predicted} == predicted
    assert site.stored("u") == before
    done = site.user(name="u", **options)
    assert (done["changes"], done["changed"]) == ([change], True)
    assert done["users"] == [{"name": "u", "database": "admin", "changed": True}]
    assert {key: done[key] for key in predicted} == predicted
    return done


def test_the_life_of_a_user_is_predicted_and_reported_exactly(site: Site) -> None:
    first = {
        "password": "Canary-one",
        "roles": ["read", {"role": "readWrite", "db": "shop"}],
        "authentication_restrictions": [{"clientSource": ["127.0.0.1", "10.0.0.0/8"]}, {"serverAddress": ["192.0.2.1"]}],
        "custom_data": {"team": "shop", "since": {"year": 2026}},
    }
    created = changed(site, "create user u@admin", as_ansible=True, **first)
    assert created["diff"][0]["after"] == {
        "password": "******** (new)",
        "roles": ["read@admin", "readWrite@shop"],
        "authentication_restrictions": [{"clientSource": ["10.0.0.0/8", "127.0.0.1/32"]}, {"serverAddress": ["192.0.2.1/32"]}],
        "custom_data": {"team": "shop", "since": {"year": 2026}},
    }
    reordered = {
        **first,
        "roles": [{"role": "readWrite", "db": "shop"}, {"role": "read", "db": "admin"}],
        "authentication_restrictions": [{"serverAddress": ["192.0.2.1/32"]}, {"clientSource": ["10.1.2.3/8", "127.0.0.1"]}],
        "custom_data": {"since": {"year": 2026}, "team": "shop"},
    }
    assert unchanged(site.user(name="u", **reordered))

    before = site.stored("u")
    changed(site, "update user u@admin: password", password="Canary-two")
    after = site.stored("u")
    assert before is not None
    assert after is not None
    assert before.pop("credentials") != after.pop("credentials")
    assert before == after
    assert site.logs_in("u", "Canary-two")
    assert not site.logs_in("u", "Canary-one")

    changed(site, "update user u@admin: roles", roles=["dbAdmin"])
    assert site.logs_in("u", "Canary-two")
    with site.root() as root:
        root.admin.command("updateUser", "u", pwd="strange", roles=["root"])
    mended = changed(site, "update user u@admin: password, roles", password="Canary-two", roles=["dbAdmin"])
    assert mended["diff"][0]["before"]["roles"] == ["root@admin"]
    assert site.logs_in("u", "Canary-two")
    dropped = changed(site, "drop user u@admin", as_ansible=True, state="absent")
    assert "Canary" not in json.dumps([created, mended, dropped])
    assert unchanged(site.user(name="u", state="absent"))
    log = site.mongod.log()
    assert "updateUser" in log
    assert "Canary" not in log


CHARACTERS = "".join(chr(code) for code in range(32, 127))
LONG = (string.ascii_letters + string.digits + "\u00e9") * 8 + "12345678"
PASSWORDS = {
    "ascii": CHARACTERS,
    "long": LONG,
    "accents": "p\u00e4ssw\u00f6rt \u00a0\u2168\u00ad",
    "greek": "\u03ba\u03bb\u03b5\u03b9\u03b4\u03af",
    "hebrew": "\u05e1\u05d9\u05e1\u05de\u05d4",
    "kanji": "\u79d8\u5bc6",
    "dotted.name": "a",
    'o\'brien "quoted"': "b",
    "someone@example.org": "c",
    "$dollar": "d%20/:@",
    "\u00fcser": "e",
}


def test_every_name_and_password_is_known_again(site: Site) -> None:
    assert len(LONG) == 512
    users = [User(name, "odd", password) for name, password in PASSWORDS.items()]
    assert len(manage(site, users).applied) == len(users)
    for name, password in PASSWORDS.items():
        assert site.logs_in(name, password, "odd"), name
    assert manage(site, users, apply=False).changes == []
    others = [User(name, "odd", password + password[0]) for name, password in PASSWORDS.items()]
    assert len(manage(site, others, apply=False).changes) == len(users)


@on_plain_servers
def test_each_printable_character_counts(site: Site) -> None:
    users = [User(f"char{ord(character)}", "characters", character) for character in CHARACTERS]
    assert len(manage(site, users).applied) == len(CHARACTERS)
    assert manage(site, users, apply=False).changes == []
    shifted = [User(user.name, user.database, other.password) for user, other in zip(users, users[1:] + users[:1])]
    assert len(manage(site, shifted, apply=False).changes) == len(users)


def test_roles_in_any_number_order_and_database(site: Site) -> None:
    fifty = [Key(f"db{index}", "read") for index in range(50)]

    def change(*roles: Key) -> list[str]:
        return manage(site, [User("fifty", "shop", "x", frozenset(roles))]).applied

    assert change() == ["create user fifty@shop"]
    assert change(*fifty) == ["update user fifty@shop: roles"]
    assert change(*fifty[::-1]) == []
    assert change(*fifty[1:], Key("admin", "root")) == ["update user fifty@shop: roles"]
    assert change() == ["update user fifty@shop: roles"]


def test_a_user_with_a_certificate(site: Site) -> None:
    name = "CN=app,O=Example"
    assert manage(site, [User(name, "$external", roles=frozenset({Key("shop", "read")}))]).applied == [
        f"create user {name}@$external"
    ]
    assert manage(site, [User(name, "$external", roles=frozenset({Key("shop", "read")}))]).changes == []
    assert manage(site, [User(name, "$external", roles=frozenset())]).applied == [f"update user {name}@$external: roles"]
    with_password = manage(site, [User(name, "$external", "x")])
    assert "leave the password out" in str(with_password.failures[f"user {name}@$external"])
    if site.kind.tls:
        as_app = {"tlsCertificateKeyFile": str(site.certificates / "app.pem"), "authMechanism": "MONGODB-X509"}
        with site.client(**as_app) as client:
            answer = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
        assert answer == [{"user": name, "db": "$external"}]
    assert manage(site, [User(name, "$external", present=False)]).applied == [f"drop user {name}@$external"]


def test_the_administrator_changes_its_own_password(site: Site) -> None:
    """Among others, then once more by the same task."""
    others = [{"name": "before", "password": "x"}, {"name": "after", "password": "x"}]
    task = {"users": [others[0], {"name": "root", "password": "Canary-next"}, others[1]]}
    try:
        done = site.user(**task)
        assert done["changes"] == ["create user before@admin", "create user after@admin", "update user root@admin: password"]
        assert [entry["changed"] for entry in done["users"]] == [True, True, True]
        assert not site.logs_in("root", ROOT["login_password"])
        assert unchanged(site.user(**task))
    finally:
        with site.client(username="root", password="Canary-next") as client:
            client.admin.command("updateUser", "root", pwd=ROOT["login_password"])


@on_plain_servers
def test_the_declared_password_is_tried_for_the_account_in_use_alone(site: Site) -> None:
    with site.root() as root:
        root.admin.command("createUser", "second", pwd="s3cond", roles=["root"])
    wrong = {"login_user": "second", "login_password": "wrong"}
    assert unchanged(site.user(name="second", password="s3cond", **wrong))
    for user in ({"name": "third", "password": "s3cond"}, {"name": "second", "password": "neither"}, {"name": "second"}):
        assert "check login_user, login_password" in one_sentence(site.user(**user, **wrong))


def test_what_cannot_be_is_said_and_the_rest_is_done(site: Site) -> None:
    with site.root() as root:
        root.shop.command("createUser", "clerk", pwd="cl3rk", roles=["userAdmin"])
    users = [
        {"name": "kept1", "database": "shop", "password": "s3cret"},
        {"name": "lost1", "database": "shop", "password": "s3cret", "roles": ["nope"]},
        {"name": "lost2", "database": "shop"},
        {"name": "lost3", "database": "shop", "password": "s3cret", "authentication_restrictions": [{"clientSource": ["here"]}]},
        {"name": "lost4", "password": "s3cret"},
        {"name": "lost5", "database": "shop", "password": "s3cret", "roles": [{"role": "read", "db": "other"}]},
        {"name": "lost6", "database": "shop", "password": "\u0007"},
        {"name": "kept2", "database": "shop", "password": "s3cret", "roles": ["read"]},
    ]
    clerk = {"login_user": "clerk", "login_password": "cl3rk", "login_database": "shop"}
    failed = site.user(users=users, **clerk)
    assert one_sentence(failed).count("user lost") == 6
    assert "could not manage 6 of 8 users because of user lost" in failed["msg"]
    assert (failed["changed"], failed["applied"]) == (True, ["create user kept1@shop", "create user kept2@shop"])
    assert [entry["changed"] for entry in failed["users"]] == [True, *[False] * 6, True]
    reasons = [entry.get("error", "") for entry in failed["users"]]
    expected = [
        "",
        "there is no role nope@shop",
        "no password is given",
        "authentication_restrictions holds what is no address or network (here)",
        "the account in use lacks viewUser on admin",
        "the account in use lacks grantRole on other",
        "SCRAM-SHA-256 does not allow it",
        "",
    ]
    assert all(part in reason for part, reason in zip(expected, reasons)), reasons
    assert site.logs_in("kept2", "s3cret", "shop")
    assert "s3cret" not in json.dumps(failed)


@on_plain_servers
def test_a_single_user_fails_with_its_own_sentence(site: Site) -> None:
    lost = site.user(name="lost", password="s3cret", roles=["nope"])
    assert "could not create user lost@admin because there is no role nope@admin; create the role first" in one_sentence(lost)
    assert (lost["changed"], lost["users"][0]["changed"]) == (False, False)


@on_plain_servers
def test_check_mode_fails_for_those_that_cannot_be_and_predicts_the_others(site: Site) -> None:
    users = [{"name": "fine", "password": "s3cret"}, {"name": "lost"}]
    predicted = site.user(users=users, check=True)
    assert "could not manage 1 of 2 users because of user lost@admin (it does not exist and no password" in one_sentence(
        predicted
    )
    assert (predicted["changes"], predicted["applied"]) == (["create user fine@admin"], [])
    assert site.stored("fine") is None


def test_two_controllers_at_once_end_alike_and_count_each_change_once(site: Site) -> None:
    """The second has decided by what it saw before the first one acted."""
    with site.root() as root:
        root.admin.command("createUser", "gone", pwd="x", roles=[])
        root.admin.command("createUser", "same", pwd="x", roles=[])
        root.admin.command("createUser", "less", pwd="x", roles=["read"])
    users = [
        User("new", password="one", roles=frozenset({Key("admin", "read")})),
        User("gone", present=False),
        User("same", password="two"),
        User("less", password="x", roles=frozenset()),
    ]
    with Accounts.opened(login(site), "test", None) as first, Accounts.opened(login(site), "test", None) as second:
        plans = [plan_users(accounts, users)[0] for accounts in (first, second)]
        assert [len(plan.changes) for plan in plans] == [4, 4]
        for plan in plans:
            plan.apply()
            assert plan.failures == {}
    assert plans[0].applied == [
        "create user new@admin",
        "drop user gone@admin",
        "update user same@admin: password",
        "update user less@admin: roles",
    ]
    assert plans[1].applied == ["update user same@admin: password", "update user less@admin: roles"]  # these it did once more
    assert [change.subject for change in plans[1].changes] == ["user same@admin", "user less@admin"]
    assert site.logs_in("new", "one")
    assert site.logs_in("same", "two")
    assert manage(site, users).changes == []


def test_a_user_changed_and_one_dropped_meanwhile_are_decided_anew(site: Site) -> None:
    users = [User("other", password="mine"), User("back", password="mine", roles=frozenset({Key("admin", "read")}))]
    with site.root() as root, Accounts.opened(login(site), "test", None) as accounts:
        root.admin.command("createUser", "back", pwd="theirs", roles=[])
        plan, _shown = plan_users(accounts, users)
        root.admin.command("createUser", "other", pwd="theirs", roles=["read"])
        root.admin.command("dropUser", "back")
        plan.apply()
    assert plan.applied == ["update user other@admin: password", "create user back@admin"]
    assert plan.diff()[0]["before"]["roles"] == ["read@admin"]
    assert site.logs_in("other", "mine")
    assert site.logs_in("back", "mine")


@on_plain_servers
def test_a_secret_is_in_no_argument_result_or_log(site: Site) -> None:
    """Of the module while it runs, of its answers, of the server."""
    secret = "Canary-everywhere"
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for process in [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]:
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((process / name).read_bytes())
                    except OSError:
                        continue
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        results = [
            site.user(name="canary", password=secret),
            site.user(
                users=[{"name": "canary", "password": f"{secret}-2"}, {"name": "lost", "password": secret, "roles": ["nope"]}]
            ),
        ]
    finally:
        over.set()
        watcher.join()
    assert [result["changed"] for result in results] == [True, True]
    assert any(b"modules.mongodb_user" in words for words in seen)
    assert [words for words in seen if b"Canary-" in words] == []
    assert "Canary-" not in json.dumps(results)
    assert "Canary-" not in site.mongod.log()
    assert site.logs_in("canary", f"{secret}-2")


def test_credentials_that_are_not_shown_give_a_warning_and_keep_the_password(site: Site) -> None:
    """Such an account comes from a server too old for SCRAM, or from a dump that left its credentials out."""
    with site.root() as root:
        root.admin.command("createUser", "writer", pwd="x", roles=["restore"])
        root.admin.command("createUser", "hidden", pwd="x", roles=["read"])
        with site.client(username="writer", password="x") as writer:
            writer.admin["system.users"].update_one({"user": "hidden"}, {"$unset": {"credentials": 1}})
        root.admin.command("invalidateUserCache")
    plan = manage(site, [User("hidden", password="y", roles=frozenset())])
    assert plan.applied == ["update user hidden@admin: roles"]
    assert plan.warnings == ["The server does not show the credentials of user hidden@admin, so its password was left as it is."]


@on_plain_servers
@pytest.mark.parametrize("module", ["mongodb_user", "mongodb_user_info", "mongodb_role", "mongodb_role_info"])
def test_without_a_login_nobody_lacks_a_privilege(site: Site, module: str) -> None:
    where = {"login_host": site.mongod.address, "tls": False}  # the port beside the name
    options = {} if module.endswith("_info") else {"name": "x"}
    refused = one_sentence(run_module(module, **where, **options))
    assert "because nobody is logged in" in refused
    assert "stronghold.mongodb.mongodb_bootstrap" in refused
    pasted = run_module(module, **{**where, **options, "login_host": "mongodb://root:Canary@127.0.0.1"})
    assert "login_host takes the name or the address of one server" in one_sentence(pasted)
    assert "Canary" not in pasted["msg"]


@pytest.mark.parametrize("version", ["5.0.4", "6.0.27"])
def test_an_account_from_before_gets_a_new_password_for_what_the_server_offers_now(
    tmp_path: Path, certificates: Path, version: str
) -> None:
    """As the administrator, who may know what is offered, and as a clerk, who may not."""
    with mongods(tmp_path, 1, version, "--auth", port=PORT + 1) as (mongod,):
        site = Site(mongod, Kind(version, tls=False, replica_set=False), certificates)
        with site.client() as client:
            client.admin.command("createUser", "root", pwd=ROOT["login_password"], roles=["root"])
        with site.root() as root:
            for name in ("one", "two"):
                root.admin.command("createUser", name, pwd="before", roles=["read"])
            root.admin.command("createUser", "former", pwd="before", roles=["read"], mechanisms=["SCRAM-SHA-1"])
            root.admin.command("createUser", "clerk", pwd="cl3rk", roles=["userAdminAnyDatabase"])
        mongod.stop()
        mongod.options += ["--setParameter", "authenticationMechanisms=SCRAM-SHA-256,MONGODB-X509"]
        mongod.start()
        clerk = {"login_user": "clerk", "login_password": "cl3rk"}
        for name, who in (("one", {}), ("two", clerk)):
            task = {"name": name, "password": "after", **who}
            predicted, done = site.user(check=True, **task), site.user(**task)
            assert done["changes"] == predicted["changes"] == [f"update user {name}@admin: password, mechanisms"]
            assert done["diff"] == predicted["diff"]
            assert site.logs_in(name, "after")
            assert unchanged(site.user(**task))
            told = {
                check: one_sentence(site.user(check=check, name="former", password="after", **who)) for check in (True, False)
            }
            assert told[True] == told[False]
            assert "it has credentials for SCRAM-SHA-1, and the server offers" in told[True]
        refused = site.user(check=True, name="new", password="x", mechanisms=["SCRAM-SHA-1"])
        assert "the server does not offer SCRAM-SHA-1" in one_sentence(refused)
        seen = {entry["name"]: entry for entry in run_module("mongodb_user_info", **site.login)["users"]}
        assert (seen["former"]["mechanisms"], seen["former"]["usable_mechanisms"]) == (["SCRAM-SHA-1"], [])
        assert seen["clerk"]["usable_mechanisms"] == ["SCRAM-SHA-256"]
        unseen = run_module("mongodb_user_info", **{**site.login, **clerk})["users"]
        assert {entry["usable_mechanisms"] for entry in unseen} == {None}
        as_former = site.user(name="x", login_user="former", login_password="before")
        assert "check login_user" in one_sentence(as_former) or "the server offers neither auth_mechanism" in as_former["msg"]
        mended = site.user(name="former", password="after", mechanisms=["SCRAM-SHA-256"])
        assert mended["changes"] == ["update user former@admin: password, mechanisms"]
        assert site.logs_in("former", "after")
