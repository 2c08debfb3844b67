# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.harness import LOG, logging_to, one_sentence, run_module

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import MASK
from lab.binaries import mongod_tree

PORT = ports.first(__file__)
SYSTEMCTL = """#!/bin/sh
# stands for systemd, which does not run here: remembers whether the unit was enabled
case "$1" in
    is-active) exit 3 ;;
    is-enabled) [ -e "{state}" ] ;;
    enable) touch "{state}" ;;
    show) echo no ;;
esac
"""


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(state=tmp_path / "enabled"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield {
        "config": "net:\n  port: 27017\n",
        "config_file": str(tmp_path / "etc" / "mongod.conf"),
        "keyfile": "CanaryOfTheKey",
        "keyfile_file": str(tmp_path / "etc" / "keyfile"),
        "drop_in": "[Service]\n",
        "drop_in_file": str(tmp_path / "etc" / "mongod.service.d" / "drop-in.conf"),
        "directories": [str(tmp_path / "data")],
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "group": grp.getgrgid(os.getgid()).gr_name,
        "mongod": str(mongod_tree("6.0.27") / "bin" / "mongod"),
    }


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_check_mode_predicts_what_a_run_then_does(arguments: dict[str, Any], tmp_path: Path) -> None:
    predicted = run_module("mongodb_config", check=True, **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    done = run_module("mongodb_config", **arguments)
    assert predicted["changes"] == done["changes"]
    assert len(done["changes"]) == 5
    assert (mode(arguments["config_file"]), mode(arguments["keyfile_file"]), mode(arguments["drop_in_file"])) == (
        0o640,
        0o600,
        0o644,
    )
    assert mode(arguments["directories"][0]) == 0o750
    assert run_module("mongodb_config", **arguments)["changes"] == []


def test_the_key_is_in_no_result(arguments: dict[str, Any]) -> None:
    assert "CanaryOfTheKey" not in str(run_module("mongodb_config", **arguments))
    assert Path(arguments["keyfile_file"]).read_text() == "CanaryOfTheKey"


@pytest.mark.parametrize("name", ["config_file", "keyfile_file", "drop_in_file", "directories"])
def test_a_loose_mode_is_corrected(arguments: dict[str, Any], name: str) -> None:
    run_module("mongodb_config", **arguments)
    path = arguments[name] if name != "directories" else arguments[name][0]
    before = mode(path)
    Path(path).chmod(0o777)
    assert run_module("mongodb_config", **arguments)["changes"] == [f"correct owner and mode of {path}"]
    assert mode(path) == before


def test_the_service_may_read_its_configuration_and_not_write_it(arguments: dict[str, Any]) -> None:
    """What an earlier version made is given to root, with no other content that would be a reason for a restart."""
    account = pwd.getpwnam("nobody")
    given = {**arguments, "user": "nobody", "group": grp.getgrgid(account.pw_gid).gr_name}
    run_module("mongodb_config", **given)
    path = Path(arguments["config_file"])
    os.chown(path, account.pw_uid, account.pw_gid)
    path.chmod(0o600)
    before = path.stat()
    assert run_module("mongodb_config", **given)["changes"] == [f"correct owner and mode of {path}"]
    after, key = path.stat(), Path(arguments["keyfile_file"]).stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (0, account.pw_gid, 0o640)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (key.st_uid, stat.S_IMODE(key.st_mode)) == (account.pw_uid, 0o600)


@pytest.mark.parametrize("check", [True, False])
def test_what_mongod_refuses_replaces_nothing(arguments: dict[str, Any], *, check: bool) -> None:
    run_module("mongodb_config", **arguments)
    refused = run_module("mongodb_config", check=check, **{**arguments, "config": "net:\n  prot: 27017\n", "drop_in": "[Unit]\n"})
    assert refused["rc"]
    assert refused["applied"] == []
    assert "could not replace" in refused["msg"]
    assert "Unrecognized option: net.prot" in refused["msg"]
    assert Path(arguments["config_file"]).read_text() == arguments["config"]
    assert Path(arguments["drop_in_file"]).read_text() == arguments["drop_in"]


def test_what_mongod_says_in_its_log_is_told_in_words(arguments: dict[str, Any]) -> None:
    refused = run_module("mongodb_config", **{**arguments, "config": "setParameter:\n  nonsense: 5\n"})
    assert (
        "because mongod refuses it: Error during global initialization: Unknown --setParameter 'nonsense'; correct"
        in refused["msg"]
    )


def test_a_changed_option_is_the_whole_diff(arguments: dict[str, Any]) -> None:
    run_module("mongodb_config", **arguments)
    changed = run_module("mongodb_config", **{**arguments, "config": "net:\n  port: 27018\n"})
    assert changed["changes"] == [f"change {arguments['config_file']}"]
    assert changed["diff"][0]["before"] == "net:\n  port: 27017\n"
    assert changed["diff"][0]["after"] == "net:\n  port: 27018\n"


SECRETS = (
    "net:\n  port: 27017\n  tls:\n    clusterPassword: CanaryOfThePassword\nsetParameter:\n  ldapQueryPassword: CanarySecond\n"
)


def test_no_secret_and_no_file_is_in_a_result_or_in_the_log_of_the_host(arguments: dict[str, Any], tmp_path: Path) -> None:
    within = logging_to(tmp_path)
    mongod = tmp_path / "bin" / "mongod"  # a Community server takes no LDAP: this one takes all, as another edition does
    mongod.write_text("#!/bin/sh\n")
    mongod.chmod(0o755)
    given = {**arguments, "mongod": str(mongod), "config": SECRETS, "drop_in": "[Service]\n# CanaryOfTheDropIn\n"}
    results = [run_module("mongodb_config", check=check, within=within, **given) for check in (True, False)]
    changed = {**given, "config": SECRETS.replace("Canary", "CanaryNew").replace("27017", "27018")}
    results.append(run_module("mongodb_config", within=within, **changed))
    mongod.write_text("#!/bin/sh\necho Error: CanaryNewOfThePassword is bad; exit 2\n")
    results.append(run_module("mongodb_config", within=within, **{**changed, "config": changed["config"] + "extra: 1\n"}))
    assert [bool(result.get("failed")) for result in results] == [False, False, False, True]
    assert Path(arguments["config_file"]).read_text() == changed["config"]
    logged = (tmp_path / LOG).read_text()
    assert logged.count("Invoked with") == len(results)
    assert "config_file=" in logged
    for shown in (*map(str, results), logged):
        assert [word for word in ("CanaryOfThePassword", "CanarySecond", "CanaryNew", "CanaryOfTheKey") if word in shown] == []
    assert "CanaryOfTheDropIn" in str(results[1]["diff"])
    assert "CanaryOfTheDropIn" not in logged
    assert "27017" not in logged
    hidden = SECRETS.replace("CanaryOfThePassword", MASK).replace("CanarySecond", MASK)
    assert results[2]["diff"][0]["before"] == hidden
    assert results[2]["diff"][0]["after"] == hidden.replace(MASK, f"{MASK} (new)").replace("27017", "27018")


def test_a_missing_account_is_one_sentence(arguments: dict[str, Any]) -> None:
    failed = run_module("mongodb_config", **{**arguments, "user": "nobody-of-that-name"})
    assert "there is no such account or group" in failed["msg"]


KEYS = {
    "abcdef": True,
    "abcde": False,
    "a b c\td e\nf": True,
    "abc!!!;;;defgh": False,
    "A" * 1024: True,
    "A" * 1025: False,
    "": False,
    "key: abcdef": False,
    "abcd\u00e91": False,
    "# one\nabcdef # two\n": True,
    "- abcdef\n- ghijkl\n": True,
    "- abcdef\n- gh\n": False,
    "- abcdef\n- ghijkl\n- mnopqr\n": False,
    "'abcdef'": True,
}


@pytest.mark.parametrize(("text", "taken"), KEYS.items(), ids=repr)
def test_a_key_file_is_judged_as_mongod_judges_it(arguments: dict[str, Any], tmp_path: Path, text: str, taken: bool) -> None:
    path = Path(arguments["keyfile_file"])
    path.parent.mkdir()
    path.write_text("the one before")
    result = run_module("mongodb_config", **{**arguments, "keyfile": text})
    assert bool(result.get("failed")) is not taken
    if not taken:
        assert f"could not replace {path} because the key file holds " in one_sentence(result)
        assert not text or text not in result["msg"]
        assert path.read_text() == "the one before"
        assert not Path(arguments["config_file"]).exists()
        path.write_text(text)
        path.chmod(0o600)
    (tmp_path / "db").mkdir()
    assert starts(arguments["mongod"], path, tmp_path / "db") is taken


def starts(mongod: str, keyfile: Path, data: Path) -> bool:
    """Whether a server takes up this key file: then it goes on, and listens."""
    words = [mongod, "--dbpath", str(data), "--keyFile", str(keyfile), "--port", str(PORT), "--nounixsocket", "--replSet", "rs"]
    done = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.stdout
    try:
        return any("Waiting for connections" in line for line in done.stdout)
    finally:
        done.kill()
        done.wait()
        done.stdout.close()
