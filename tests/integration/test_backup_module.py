# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups as a playbook declares them and asks for them, on a backup host with a real set and a real repository."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.backups import PASSWORD, set_of_one
from integration.harness import Mongod, run_module

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from lab import binaries

PORT = ports.first(__file__)
COPY = "copy"


@dataclass(frozen=True)
class Host:
    """A backup host below ``home``."""

    home: Path

    def declare(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("mongodb_backup", check=check, config_directory=str(self.home / "etc"), **options)

    def told(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        found = run_module("mongodb_backup_info", check=check, config_directory=str(self.home / "etc"), **options)
        assert found["changed"] is False, found
        return found

    def ids(self) -> list[str]:
        return [one["id"] for one in self.told()["backups"]]

    def refused(self, **options: Any) -> str:
        found = self.declare(**options)
        assert found.get("rc") == 1, found
        return str(found["msg"])

    def tree(self) -> dict[str, str]:
        """What each file below it holds."""
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            for path in sorted(self.home.rglob("*"))
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with set_of_one(tmp_path_factory.mktemp("set"), PORT) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": number, "text": "some text " * 20} for number in range(500)])
            client.shop.empty.insert_one({"_id": 1})
            client.other.things.insert_one({"_id": 1})
        yield server


def bare(home: Path, server: Mongod) -> Host:
    (home / "etc").mkdir()
    shared = {
        "login": {"host": "127.0.0.1", "port": server.port, "tls": False, "timeout": 2},
        "members": [server.address],
        "password": PASSWORD,
    }
    base = {**shared, "repository": str(home / "bases"), "metrics_file": str(home / "backup.prom")}
    (home / "etc" / "backup.json").write_text(json.dumps(base))
    (home / "etc" / "oplog.json").write_text(json.dumps({**shared, "repository": str(home / "segments-repository")}))
    return Host(home)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(binaries.restic().parent), prepend=":")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))


@pytest.fixture
def host(server: Mongod, tmp_path: Path) -> Host:
    return bare(tmp_path, server)


@pytest.fixture(scope="module")
def stocked(server: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a host has besides its settings: a backup, verified, and a later one, ``COPY``, of the same streams."""
    home = tmp_path_factory.mktemp("stocked")
    host = bare(home, server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(binaries.restic().parent), prepend=":")
        patch.setenv("STATE_DIRECTORY", str(home / "state"))
        assert host.declare()["changed"] is True
        assert host.declare(state="verified")["changed"] is True
        restic = _restic(host)
        found = json.loads(restic.read(restic.snapshots("manifest")[0].id, "manifest.json"))
        with restic.save("manifest.json", "manifest") as saving:
            saving.write(json.dumps({**found, "id": COPY}).encode())
    return home


@pytest.fixture
def old(host: Host, stocked: Path) -> Host:
    for name in ("bases", "state"):
        shutil.copytree(stocked / name, host.home / name)
    return host


def test_one_of_all_and_what_is_told_of_it(host: Host, server: Mongod) -> None:
    before = host.tree()
    predicted = host.declare(check=True)
    assert (predicted["changed"], predicted["backup"]) == (True, None)
    assert predicted["selected"]["member"] == server.address
    assert {"shop.orders", "shop.empty", "other.things"} <= set(predicted["selected"]["collections"])
    assert predicted["selected"]["size"] > 100_000
    assert host.told()["backups"] == []
    assert host.tree() == before
    taken = host.declare()
    assert taken["changed"] is True
    assert taken["changes"] == predicted["changes"] == [f"take a backup of all from {server.address}"]
    made = taken["backup"]
    assert made["kept_as"][0] == "newest"
    assert (made["partial"], made["verified"], made["method"], made["replica_set"]) == (False, None, "logical", "shop")
    assert (made["member"], made["server_version"], made["cluster_time"]) == (server.address, "6.0.27", made["consistent_at"])
    before = host.tree()
    found = host.told()
    assert found["backups"] == [made]
    assert found["unreadable"] == []
    assert found["archive"] == {"segments": 0, "windows": [], "gaps": [], "unreadable": []}
    assert found["restorable"] == [{"backup": made["id"], "from": made["consistent_at"], "to": made["consistent_at"]}]
    listed = host.told(collections=True, check=True)["backups"][0]["collections"]
    orders = next(one for one in listed if (one["database"], one["collection"]) == ("shop", "orders"))
    assert (orders["documents"], orders["kind"], orders["consistency"]) == (500, "collection", "snapshot")
    assert host.tree() == before
    assert 'mongodb_backup_count{replica_set="shop"} 1\n' in (host.home / "backup.prom").read_text()
    assert host.refused(state="absent", name=made["id"]) == (
        f"{platform.node()}: could not drop the backup {made['id']} because it is the last backup of all; "
        "take and verify another one first."
    )


def test_a_part_takes_the_place_of_no_whole(old: Host) -> None:
    of_database = old.declare(databases=["other"])["backup"]
    assert (of_database["partial"], of_database["documents"]) == (True, 1)
    of_query = old.declare(collections=["shop.orders"], query={"_id": {"$gte": {"$numberLong": "490"}}})["backup"]
    assert (of_query["partial"], of_query["documents"]) == (True, 10)
    found = old.told()
    kept = {one["id"]: one["kept_as"] for one in found["backups"]}
    assert "newest" in kept[COPY]
    assert "newest" in kept[of_query["id"]]
    assert len(kept) == 4
    assert [one["backup"] for one in found["restorable"] if one["backup"] in (of_database["id"], of_query["id"])] == []


def test_proved_once_in_a_while(old: Host) -> None:
    before = old.tree()
    first = old.declare(state="verified", check=True)
    assert (first["changed"], first["backup"]["verified"]) == (True, None)
    assert old.tree() == before
    proved = old.declare(state="verified")
    assert (proved["changed"], proved["changes"]) == (True, [f"verify the backup {COPY}"])
    assert proved["backup"]["verified"]
    assert old.declare(state="verified")["changed"] is False
    assert "there is none of that name" in old.refused(state="verified", name="nothing")


def test_one_is_dropped_and_what_others_share_stays(old: Host) -> None:
    (first,) = (one for one in old.ids() if one != COPY)
    before = old.tree()
    assert "it is the last backup of all that was verified" in old.refused(state="absent", name=first)
    predicted = old.declare(state="absent", name=COPY, check=True)
    dropped = old.declare(state="absent", name=COPY)
    assert (dropped["changed"], dropped["changes"], dropped["backup"]) == (True, [f"drop the backup {COPY}"], None)
    assert predicted["changes"] == dropped["changes"]
    assert set(before) - set(old.tree()), "its data went"
    assert old.declare(state="absent", name=COPY)["changed"] is False
    assert old.declare(state="verified", name=first, verified_within=0)["changed"] is True, "its streams are there"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": False, "state": "absent"}, "name is False and not text"),
        ({"name": "", "state": "absent"}, "name is empty"),
        ({"name": "x"}, "a new backup is given its name"),
        ({"databases": [False]}, "databases[0] is False and not text"),
        ({"databases": ["shop", "shpo"]}, "there is no database shpo"),
        ({"databases": ["local"]}, "there is no database local"),
        ({"collections": ["shop"]}, "'shop' is no DATABASE.COLLECTION"),
        ({"collections": ["shop.order"]}, "there is no collection shop.order"),
        ({"query": {}}, "query is of exactly one collection"),
        ({"collections": ["shop.orders"], "query": {"_id": {"$oid": "no"}}}, "query is no extended JSON"),
        ({"databases": ["shop"], "state": "verified"}, "databases is for state present alone"),
        ({"verified_within": -1, "state": "verified"}, "verified_within is below 0"),
        ({"state": "verified"}, "there is none"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_a_trace(host: Host, options: dict[str, Any], told: str) -> None:
    before = host.tree()
    assert told in host.refused(**options)
    assert host.tree() == before


def test_a_host_without_settings_is_no_backup_host(host: Host) -> None:
    (host.home / "etc" / "backup.json").unlink()
    told = "this host is no backup host"
    assert told in host.refused()
    assert told in run_module("mongodb_backup_info", config_directory=str(host.home / "etc"))["msg"]


def test_a_run_under_way_is_named_and_does_not_hide_what_is_there(old: Host) -> None:
    with locks.held(locks.BACKUP, "vault-a", "take a backup"):
        assert len(old.ids()) == 2
        assert old.declare(check=True)["changed"] is True
        assert "did not end within 15 s" in old.refused()


def _restic(host: Host) -> Restic:
    (host.home / "password").write_text(PASSWORD)
    return Restic("vault-a", Place(str(host.home / "bases"), str(host.home / "password")))
