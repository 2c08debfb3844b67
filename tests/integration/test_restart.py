# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mongodb_restart against real servers, under a stand-in for systemctl that really stops and starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.harness import Mongod, run_module
from integration.services import Unit, answers, stand_ins, until

from lab.binaries import mongod_tree

PORT = ports.first(__file__)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Unit]]:
    """Three services m0..m2, members of one set, and alone, a server in none; nothing of them needs a restart."""
    home = tmp_path_factory.mktemp("units")
    with stand_ins(home):
        made = [make_unit(home, name, index) for index, name in enumerate(("m0", "m1", "m2", "alone"))]
        try:
            for unit in made:
                assert unit.restart_module()["changes"] == [f"start {unit.folder.name}"]
            initiated = run_module(
                "mongodb_replicaset",
                login_host="127.0.0.1",
                login_port=PORT,
                tls=False,
                replica_set="rs",
                members=[unit.server.address for unit in made[:3]],
                settings={"electionTimeoutMillis": 2000},
                wait_for="all",
            )
            assert initiated["changed"], initiated
            yield made
        finally:
            for unit in made:
                if answers(unit):
                    os.kill(unit.pid, signal.SIGKILL)


def make_unit(home: Path, name: str, index: int) -> Unit:
    folder = home / name
    (folder / "data").mkdir(parents=True)
    (folder / "mongod.conf").write_text("setParameter: {shutdownTimeoutMillisForSignaledShutdown: 100}\n")
    command = [
        str(mongod_tree("6.0.27") / "bin" / "mongod"),
        "--config",
        str(folder / "mongod.conf"),
        "--dbpath",
        str(folder / "data"),
    ]
    command += ["--port", str(PORT + index), "--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
    command += [] if name == "alone" else ["--replSet", "rs"]
    (folder / "command").write_text(json.dumps(command))
    (folder / "inputs").write_text(json.dumps([str(folder / "mongod.conf")]))
    return Unit(folder, Mongod(folder, PORT + index))


@pytest.fixture
def members(units: list[Unit]) -> list[Unit]:
    """The members: the primary last, all healthy."""

    def ready() -> bool:
        states = [unit.hello() for unit in units[:3]]
        return sorted((bool(state["isWritablePrimary"]), bool(state["secondary"])) for state in states)[1:] == [
            (False, True),
            (True, False),
        ]

    until(ready)
    return sorted(units[:3], key=lambda unit: unit.hello()["isWritablePrimary"])


def calls(unit: Unit) -> list[str]:
    return (unit.folder.parent / "calls").read_text().splitlines()


def edit(unit: Unit) -> None:
    unit.config.write_text(unit.config.read_text() + "# edited\n")


def test_nothing_changed_is_nothing_done(members: list[Unit]) -> None:
    for unit, role in zip(members, ("secondary", "secondary", "primary")):
        before = calls(unit)
        result = unit.restart_module()
        assert (result["changed"], result["restart_needed"], result["reasons"], result["role"]) == (False, False, [], role)
        name = unit.folder.name
        assert calls(unit)[len(before) :] == [f"is-active --quiet {name}", f"show --property=MainPID --value {name}"]


def test_of_two_runs_at_once_one_restarts_and_the_other_sees_that_it_was_done(members: list[Unit]) -> None:
    member, before = members[0], len(calls(members[0]))
    edit(member)
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: member.restart_module(), range(2)))
    assert sorted((result["changed"], result["restart_needed"]) for result in results) == [(False, False), (True, True)]
    assert calls(member)[before:].count(f"restart {member.folder.name}") == 1


def test_a_whole_roll_without_a_failed_write(members: list[Unit]) -> None:
    """One right after the other, the primary last; the decision is the same until it is carried out."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        [unit.server.address for unit in members], replicaSet="rs", w="majority"
    )
    stop, errors, written = threading.Event(), [], []

    def write() -> None:
        while not stop.wait(0.01):
            try:
                client.test.written.insert_one({"_id": len(written)})
                written.append(len(written))
            except pymongo.errors.PyMongoError as error:
                errors.append(str(error))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for unit in members:
        edit(unit)
    (members[0].folder / "reload").touch()
    reason = f"{members[2].config} changed since the server started"
    for _ in range(2):
        hint = members[2].restart_module(check=True)
        assert (hint["role"], hint["restart_needed"], hint["reasons"]) == ("primary", True, [reason])
    old = [unit.pid for unit in members]
    before = len(calls(members[0]))
    results = [unit.restart_module() for unit in members]
    stop.set()
    writer.join()
    stored = client.test.written.count_documents({})
    client.close()
    name = members[0].folder.name
    assert results[0]["changes"] == [f"restart {name}: {members[0].config} changed since the server started"]
    assert [call for call in calls(members[0])[before:] if call in ("daemon-reload", f"restart {name}")] == [
        "daemon-reload",
        f"restart {name}",
    ]
    assert results[2]["changes"][0] == f"step down {members[2].server.address}"
    assert hint["changes"] == results[2]["changes"]
    assert all(unit.pid != pid for unit, pid in zip(members, old))
    assert errors == []
    assert stored == len(written) > 50
    assert members[2].hello()["secondary"]
    assert [unit.restart_module()["changed"] for unit in members] == [False] * 3


def test_not_while_another_is_down(members: list[Unit]) -> None:
    down, up, primary = members
    down.kill()
    with primary.server.client() as client:
        until(lambda: any(not member["health"] for member in client.admin.command("replSetGetStatus")["members"]))
    for unit in (up, primary):
        pid = unit.pid
        for check in (True, False):
            result = unit.restart_module(check=check, force=True, timeout=2)
            assert result["failed"]
            assert f"down or not healthy: {down.server.address};" in result["msg"]
        assert unit.pid == pid
        assert answers(unit)
    hint = down.restart_module(check=True)
    assert (hint["role"], hint["restart_needed"], hint["changed"]) == ("down", True, True)
    assert not answers(down)
    assert down.restart_module()["changes"] == [f"start {down.folder.name}"]
    # The others see it healthy only with the next heartbeat, which is waited for.
    assert up.restart_module(force=True)["changed"]


def test_a_server_that_does_not_come_back_is_told_with_its_last_words(members: list[Unit]) -> None:
    unit = members[0]
    good = unit.config.read_text()
    unit.config.write_text("net: {nonsense: 1}\n")
    result = unit.restart_module(timeout=20)
    assert result["failed"]
    assert "nonsense" in result["msg"]
    assert f"journalctl -u {unit.folder.name}" in result["msg"]
    assert "Traceback" not in json.dumps(result)
    unit.config.write_text(good)
    assert unit.restart_module()["changes"] == [f"start {unit.folder.name}"]


def test_what_the_server_logged_is_told_where_it_logs_to_a_file(units: list[Unit]) -> None:
    unit = units[3]
    good = unit.config.read_text()
    log = unit.folder / "mongod.log"
    log.write_text('{"s":"E","c":"-","id":1,"ctx":"-","msg":"An earlier complaint"}\n')
    bad = {"engineConfig": {"configString": "nonsense"}}
    settings = {"systemLog": {"destination": "file", "path": str(log), "logAppend": True}, "storage": {"wiredTiger": bad}}
    unit.config.write_text(json.dumps(settings))
    result = unit.restart_module(log_path=str(log), timeout=20)
    assert "its log says 'WiredTiger error" in result["msg"]
    assert "unknown configuration key: 'nonsense'" in result["msg"]
    assert "earlier" not in result["msg"]
    unit.config.write_text(good)
    assert unit.restart_module()["changes"] == [f"start {unit.folder.name}"]


def test_a_unit_that_does_not_renew_its_record_is_told(members: list[Unit]) -> None:
    unit = members[0]
    edit(unit)
    (unit.folder / "frozen").touch()
    result = unit.restart_module()
    assert "after its restart still" in result["msg"]
    assert result["applied"] == []
    (unit.folder / "frozen").unlink()
    assert unit.restart_module()["changed"]


def test_a_server_in_no_set_is_simply_restarted(units: list[Unit]) -> None:
    unit = units[3]
    assert unit.restart_module()["role"] == "standalone"
    unit.record.unlink()
    pid = unit.pid
    result = unit.restart_module()
    assert result["reasons"] == [f"{unit.record} does not tell what the server was started with"]
    assert unit.pid != pid
    assert answers(unit)
    assert unit.restart_module(started_with=None)["changed"] is False
    assert unit.restart_module(started_with=None, force=True)["reasons"] == ["it was asked for"]


def test_an_updated_program_is_a_reason(units: list[Unit]) -> None:
    unit = units[3]
    tree = unit.folder / "tree"
    shutil.copytree(mongod_tree("6.0.27"), tree, copy_function=os.link)
    program = tree / "bin" / "mongod"
    command = json.loads((unit.folder / "command").read_text())
    (unit.folder / "command").write_text(json.dumps([str(program), *command[1:]]))
    assert unit.restart_module(force=True)["changed"]
    assert unit.restart_module()["changed"] is False
    program.rename(tree / "kept")
    shutil.copy(tree / "kept", program.with_name("new"))
    (tree / "kept").unlink()
    program.with_name("new").rename(program)
    assert unit.restart_module(started_with=None)["changed"] is False
    assert unit.restart_module(check=True)["reasons"] == ["its program was replaced since the server started"]
    assert unit.restart_module()["changed"]
    assert unit.restart_module()["changed"] is False


def test_a_listening_server_that_cannot_be_spoken_to_stays_up(units: list[Unit]) -> None:
    """As where its certificate is not trusted: it may well serve others."""
    unit = units[3]
    pid = unit.pid
    result = unit.restart_module(force=True, tls=True, login_timeout=2)
    assert "does not speak TLS" in result["msg"] or "closed the connection" in result["msg"]
    assert unit.pid == pid
