# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""mongodb_program, and the program that it makes, run as systemd runs it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.harness import ROOT, Mongod, mongods, run_module

from ansible_collections.stronghold.mongodb.plugins.module_utils._program.bundle import digest

PORT = ports.first(__file__)
CANARY = "canary-7f3a-password"
TIMER = "stronghold-expiry.timer"
ALL = ["write {program}", "write {record}", "write {config}", "write {service}", "write {timer}"]
ALL += ["have systemd read the units", f"start {TIMER} at boot", f"start {TIMER}"]

SYSTEMCTL = """#!/bin/sh
# stands for systemd, which does not run here: remembers what was enabled, started and read; "broken" names a verb that fails
cd {state}
[ -e broken ] && [ "$(cat broken)" = "$1" ] && exit 1
case "$1" in
    is-active) [ -e active ] ;;
    is-enabled) [ -e enabled ] ;;
    enable) touch enabled ;;
    disable) rm enabled ;;
    start) touch active ;;
    stop) rm active ;;
    daemon-reload) ls {units} > read ;;
    show) for last; do :; done; file={units}/$last
        if grep -qsx $last read; then [ -e $file ] && [ ! $file -nt read ] && echo no || echo yes; else echo no; fi ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(state=tmp_path, units=tmp_path / "units"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def arguments(home: Path) -> dict[str, Any]:
    return {
        "commands": [expiry()],
        "program_file": str(home / "opt" / "stronghold"),
        "config_directory": str(home / "etc"),
        "unit_directory": str(home / "units"),
    }


def expiry(**changes: Any) -> dict[str, Any]:
    """Options that begin with login_ are changed in the login, all others beside it."""
    login = {"login_host": "127.0.0.1", "login_port": PORT, "login_user": "expirer", "login_password": CANARY, "login_timeout": 2}
    given = {name: changes.pop(name) for name in [*changes] if name.startswith("login_")}
    units = {"service": {"description": "Expiry", "families": ["AF_INET"]}, "timer": {"calendar": "*:*:0/30"}}
    return {"command": "expiry", "login": {**login, "tls": False, **given}, **units, **changes}


def places(home: Path) -> dict[str, Path]:
    units = home / "units"
    paths = {
        "program": home / "opt" / "stronghold",
        "record": home / "etc" / "program.json",
        "config": home / "etc" / "expiry.json",
    }
    return {**paths, "service": units / "stronghold-expiry.service", "timer": units / TIMER}


def told(result: dict[str, Any], home: Path) -> list[str]:
    """The changes, with names for the paths."""
    assert not result.get("failed"), result
    names = {str(path): f"{{{name}}}" for name, path in places(home).items()}
    lines = result["changes"]
    for path, name in names.items():
        lines = [line.replace(path, name) for line in lines]
    return list(lines)


def test_check_mode_predicts_what_a_run_then_does(arguments: dict[str, Any], home: Path) -> None:
    assert told(run_module("mongodb_program", check=True, **arguments), home) == ALL
    assert [path.name for path in home.iterdir()] == ["bin"]
    assert told(run_module("mongodb_program", **arguments), home) == ALL
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in places(home).items()}
    assert modes == {"program": 0o755, "record": 0o600, "config": 0o600, "service": 0o644, "timer": 0o644}
    assert {path.stat().st_uid for path in places(home).values()} == {0}
    for check in (True, False):
        again = run_module("mongodb_program", check=check, **arguments)
        assert (again["changed"], again["changes"], again["diff"]) == (False, [], [])


def test_the_password_is_in_its_file_alone(arguments: dict[str, Any], home: Path) -> None:
    made = run_module("mongodb_program", **arguments)
    changed = run_module("mongodb_program", **{**arguments, "commands": [expiry(login_password=f"{CANARY}-2")]})
    assert told(changed, home) == ["change {config}"]
    shown = [{key: value for key, value in result.items() if key != "invocation"} for result in (made, changed)]
    assert CANARY not in json.dumps(shown)
    settings = json.loads(places(home)["config"].read_text())
    assert settings["login"]["password"] == f"{CANARY}-2"
    assert [name for name, path in places(home).items() if CANARY in path.read_bytes().decode(errors="replace")] == ["config"]


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        (lambda at: at["program"].write_bytes(at["program"].read_bytes()[:-1]), ["change {program}"]),
        (lambda at: at["program"].unlink(), ["write {program}"]),
        (lambda at: at["record"].unlink(), ["write {record}"]),
        (lambda at: at["record"].write_text(at["record"].read_text().replace("sources", "other")), ["change {record}"]),
        (lambda at: at["program"].chmod(0o777), ["correct owner and mode of {program}"]),
        (lambda at: at["config"].chmod(0o644), ["correct owner and mode of {config}"]),
        (lambda at: at["config"].write_text("{}"), ["change {config}"]),
        (lambda at: at["timer"].unlink(), ["write {timer}", "have systemd read the units"]),
        (lambda at: (at["timer"].parents[1] / "enabled").unlink(), [f"start {TIMER} at boot"]),
        (lambda at: (at["timer"].parents[1] / "active").unlink(), [f"start {TIMER}"]),
    ],
)
def test_what_was_damaged_is_repaired(arguments: dict[str, Any], home: Path, damage: Any, repair: list[str]) -> None:
    run_module("mongodb_program", **arguments)
    damage(places(home))
    assert told(run_module("mongodb_program", check=True, **arguments), home) == repair
    assert told(run_module("mongodb_program", **arguments), home) == repair
    assert told(run_module("mongodb_program", **arguments), home) == []


@pytest.mark.parametrize(("verb", "left"), [("daemon-reload", 3), ("enable", 2), ("start", 1)])
def test_after_a_failure_the_next_run_does_the_rest(arguments: dict[str, Any], home: Path, verb: str, left: int) -> None:
    run_module("mongodb_program", **arguments)
    for name in ("enabled", "active"):
        (home / name).unlink()
    (home / "broken").write_text(verb)
    other = {**arguments, "commands": [expiry(service={"description": "Another"})]}
    failed = run_module("mongodb_program", **other)
    assert failed["failed"]
    assert len(failed["applied"]) == 5 - left
    (home / "broken").unlink()
    assert told(run_module("mongodb_program", **other), home) == ALL[-left:]
    assert told(run_module("mongodb_program", **other), home) == []


def test_ansible_s_own_way_of_sending_modules_makes_the_same_program(arguments: dict[str, Any], home: Path) -> None:
    run_module("mongodb_program", **arguments)
    made = json.loads(places(home)["record"].read_text())["sources"]
    places(home)["program"].unlink()
    words = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-m", "stronghold.mongodb.mongodb_program"]
    words += ["-a", json.dumps(arguments)]
    words += ["-e", f"ansible_python_interpreter={sys.executable}"]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree"), "ANSIBLE_LOCALHOST_WARNING": "0"}
    done = subprocess.run(words, env=environment, cwd="/", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(places(home)["record"].read_text())
    assert record == {
        "program": hashlib.sha256(places(home)["program"].read_bytes()).hexdigest(),
        "python": sys.executable,
        "sources": made,
    }
    assert made == digest()


GONE = [f"stop {TIMER}", f"no longer start {TIMER} at boot", "remove {service}", "remove {timer}", "have systemd read the units"]
GONE += ["remove {config}"]


def test_what_is_not_wanted_goes_and_the_program_stays(arguments: dict[str, Any], home: Path) -> None:
    absent = {**arguments, "commands": [{"command": "expiry", "state": "absent"}]}
    assert told(run_module("mongodb_program", **absent), home) == []
    run_module("mongodb_program", **arguments)
    predicted = run_module("mongodb_program", check=True, **absent)
    assert told(predicted, home) == GONE
    assert CANARY not in json.dumps(predicted["diff"])
    assert all(path.exists() for path in places(home).values())
    assert told(run_module("mongodb_program", **absent), home) == GONE
    assert [name for name, path in places(home).items() if path.exists()] == ["program", "record"]
    assert told(run_module("mongodb_program", **absent), home) == []
    assert told(run_module("mongodb_program", **arguments), home) == ALL[2:]


@pytest.mark.parametrize(("verb", "left"), [("stop", 6), ("disable", 5), ("daemon-reload", 2)])
def test_a_removal_that_failed_is_finished(arguments: dict[str, Any], home: Path, verb: str, left: int) -> None:
    absent = {**arguments, "commands": [{"command": "expiry", "state": "absent"}]}
    run_module("mongodb_program", **arguments)
    (home / "broken").write_text(verb)
    assert run_module("mongodb_program", **absent)["failed"]
    (home / "broken").unlink()
    assert told(run_module("mongodb_program", **absent), home)[-left:] == GONE[-left:]
    assert told(run_module("mongodb_program", **absent), home) == []


def test_metrics_go_with_what_wrote_them(arguments: dict[str, Any], home: Path) -> None:
    metrics = home / "x.prom"
    settings = {"ca_file": "/ca.pem", "certificates": [], "metrics_file": str(metrics)}
    entry = {"command": "certificates", "settings": settings, **{name: expiry()[name] for name in ("service", "timer")}}
    run_module("mongodb_program", **{**arguments, "commands": [entry]})
    metrics.write_text("old 1\n")
    absent = {**arguments, "commands": [{"command": "certificates", "state": "absent"}]}
    assert f"remove {metrics}" in run_module("mongodb_program", **absent)["changes"]
    assert not metrics.exists()
    assert not (home / "etc" / "certificates.json").exists()


def test_several_commands_are_one_plan(arguments: dict[str, Any], home: Path) -> None:
    units = {name: expiry()[name] for name in ("service", "timer")}
    both = {**arguments, "commands": [expiry(), {"command": "allowlist", **units}]}
    done = run_module("mongodb_program", **both)
    assert [line.replace(f"{home}/", "") for line in done["changes"]] == [
        "write opt/stronghold",
        *(f"write etc/{name}.json" for name in ("program", "expiry", "allowlist")),
        *(f"write units/stronghold-{name}.{kind}" for name in ("expiry", "allowlist") for kind in ("service", "timer")),
        "have systemd read the units",
        *(f"start stronghold-{name}.timer{when}" for name in ("expiry", "allowlist") for when in (" at boot", "")),
    ]
    assert (home / "etc" / "allowlist.json").read_text() == "{}\n"
    assert told(run_module("mongodb_program", **both), home) == []


ENDLESS: dict[str, Any] = {"command": "notices", "service": {"description": "Notices", "kind": "exec", "restart": "always"}}
LISTENER = "stronghold-notices.service"


def test_what_never_ends_is_a_service_that_is_started_anew_when_it_changes(arguments: dict[str, Any], home: Path) -> None:
    def changes(*commands: dict[str, Any], check: bool = False) -> list[str]:
        done = run_module("mongodb_program", check=check, **{**arguments, "commands": list(commands)})
        assert not done.get("failed"), done
        return [line.replace(f"{home}/", "") for line in done["changes"]]

    begin = [f"start {LISTENER} at boot", f"start {LISTENER}"]
    files = ["write opt/stronghold", "write etc/program.json", "write etc/notices.json", f"write units/{LISTENER}"]
    assert changes(ENDLESS) == [*files, "have systemd read the units", *begin]
    assert changes(ENDLESS) == []
    other = {**ENDLESS, "service": {**ENDLESS["service"], "description": "Other"}}
    anew = [f"stop {LISTENER}", f"change units/{LISTENER}", "have systemd read the units", f"start {LISTENER}"]
    assert changes(other, check=True) == anew
    (home / "broken").write_text("daemon-reload")
    assert run_module("mongodb_program", **{**arguments, "commands": [other]})["failed"]
    (home / "broken").unlink()
    assert changes(other) == anew[2:], "it was stopped before, so that the next run starts it"
    (home / "opt" / "stronghold").write_text("altered")
    assert changes(other) == [f"stop {LISTENER}", "change opt/stronghold", f"start {LISTENER}"]
    assert (home / "active").exists()
    gone = [f"stop {LISTENER}", f"no longer start {LISTENER} at boot", f"remove units/{LISTENER}", "have systemd read the units"]
    assert changes({"command": "notices", "state": "absent"}) == [*gone, "remove etc/notices.json"]
    assert changes({"command": "notices", "state": "absent"}) == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (expiry(settings={"colour": "blue"}), "could not accept the settings of the command expiry because it knows no colour"),
        ({**expiry(), "login": None}, "could not accept the settings of the command expiry because it has no login"),
        ({**expiry(), "command": "certificates"}, "because it has no ca_file; it has no certificates; correct them."),
        ({**expiry(), "timer": None}, "could not accept the units of the command expiry because there is no timer"),
        ({**ENDLESS, "timer": expiry()["timer"]}, "the units of the command notices because it never ends, and there is a timer"),
        ({**ENDLESS, "service": {"description": "a"}}, "because it never ends, and the kind of its service is oneshot; correct"),
        (expiry(timer={"calendar": "a\nb"}), "could not accept the units of the command expiry because timer.calendar has more"),
    ],
)
def test_what_a_command_cannot_use_is_refused(arguments: dict[str, Any], home: Path, entry: dict[str, Any], reason: str) -> None:
    failed = run_module("mongodb_program", **{**arguments, "commands": [entry]})
    assert failed["failed"]
    assert reason in failed["msg"]
    assert [path.name for path in home.iterdir()] == ["bin"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with mongods(tmp_path_factory.mktemp("program"), 1, "6.0.5", "--auth", port=PORT) as (mongod,):
        with mongod.client() as client:
            client.admin.command("createUser", "root", pwd="r00t", roles=["root"])
        yield mongod


def run(home: Path) -> tuple[int, str, str]:
    """As systemd runs it: no home, and no environment but where its state is."""
    words = [places(home)["program"], "expiry", "--config", places(home)["config"]]
    state = home / "state"
    state.mkdir(exist_ok=True)
    environment = {"PATH": "/usr/bin", "STATE_DIRECTORY": str(state)}
    done = subprocess.run(words, env=environment, cwd="/", text=True, capture_output=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_the_program_removes_who_is_due_and_says_so_once(arguments: dict[str, Any], home: Path, server: Mongod) -> None:
    run_module("mongodb_program", **arguments)
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    grant = {"valid_until": past, "granted_by": "anna", "reason": "ticket 42", "granted_at": past}
    with server.client(username="root", password="r00t") as root:
        root.admin.command("createUser", "expirer", pwd=CANARY, roles=["root"])
        root.shop.command("createUser", "support", pwd="p", roles=[], customData={"stronghold": grant})
        line = "removed support@shop, valid until 2020-01-01T00:00:00+00:00, granted by anna (ticket 42)\n"
        assert run(home) == (0, line, "")
        assert run(home) == (0, "", "")
        assert root.shop.command("usersInfo")["users"] == []


def test_a_refused_login_is_one_sentence_without_secrets(arguments: dict[str, Any], home: Path, server: Mongod) -> None:
    run_module("mongodb_program", **{**arguments, "commands": [expiry(login_password=f"{CANARY}-wrong")]})
    code, out, err = run(home)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "could not remove expired accounts because the server refused the user name" in err
    assert CANARY not in err


def test_a_server_that_is_down_is_one_sentence(arguments: dict[str, Any], home: Path) -> None:
    run_module("mongodb_program", **{**arguments, "commands": [expiry(login_port=PORT + 1)]})
    code, out, err = run(home)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nothing listens there" in err


def test_a_server_that_hangs_is_one_sentence_soon(arguments: dict[str, Any], home: Path, server: Mongod) -> None:
    run_module("mongodb_program", **arguments)
    assert server.process
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        code, out, err = run(home)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no answer came within the timeout" in err
