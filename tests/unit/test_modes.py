# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.modes import LADDERS, parameters, problem


@pytest.mark.parametrize("name", LADDERS)
def test_members_are_never_more_than_one_step_apart_wherever_a_run_ends(name: str) -> None:
    """Every way to interrupt a run on three members, and the next one that starts with the first step again."""
    ladder = LADDERS[name]
    steps = ladder.steps
    for reached, done in itertools.product(range(1, len(steps)), range(4)):
        modes = [steps[reached if index < done else reached - 1] for index in range(3)]
        for step in steps[1:]:
            for index in range(3):
                modes[index] = ladder.later(modes[index], step)
                places = [steps.index(mode) for mode in modes]
                assert max(places) - min(places) <= 1
        assert modes == [steps[-1]] * 3


@pytest.mark.parametrize(
    ("name", "survey", "declared", "words"),
    [
        (
            "cluster_auth",
            {"cluster_auth": "keyFile", "tls_mode": "requireTLS"},
            "keyFile",
            "set mongodb_server_cluster_auth to x509",
        ),
        (
            "cluster_auth",
            {"cluster_auth": "keyFile", "tls_mode": "allowTLS"},
            "x509",
            "run stronghold.mongodb.require_tls before",
        ),
        ("cluster_auth", {"cluster_auth": None, "tls_mode": "requireTLS"}, "x509", "has nothing for it"),
        ("tls_mode", {"cluster_auth": "keyFile", "tls_mode": "disabled"}, "requireTLS", "has disabled for it"),
        ("tls_mode", {"cluster_auth": "keyFile", "tls_mode": "allowTLS"}, "preferTLS", "take net.tls.mode out of"),
    ],
)
def test_what_is_in_the_way_is_one_sentence(name: str, survey: dict[str, str | None], declared: str, words: str) -> None:
    sentence = problem(name, survey, declared, "db-a")
    assert sentence.startswith("db-a: could not move to ")
    assert words in sentence


@pytest.mark.parametrize("mode", ["keyFile", "sendKeyFile", "sendX509", "x509"])
def test_a_migration_goes_on_from_anywhere(mode: str) -> None:
    assert problem("cluster_auth", {"cluster_auth": mode, "tls_mode": "preferTLS"}, "x509", "db-a") == ""


CONFIG = (
    "net:\n  port: 27017\n  tls:\n    CAFile: /ca.pem\n    mode: {}\nsecurity:\n  clusterAuthMode: {}\n  sources:\n  - 10.0.0.1\n"
)
STARTED = CONFIG.format("allowTLS", "sendKeyFile")


@pytest.mark.parametrize(
    ("present", "told"),
    [
        (STARTED, {}),
        (CONFIG.format("preferTLS", "sendKeyFile"), {"tlsMode": "preferTLS"}),
        (CONFIG.format("allowTLS", "'sendX509'"), {"clusterAuthMode": "sendX509"}),
        (CONFIG.format("preferTLS", "sendX509"), {"tlsMode": "preferTLS", "clusterAuthMode": "sendX509"}),
        (CONFIG.format("requireTLS", "sendKeyFile"), None),  # two steps at once
        (CONFIG.format("disabled", "sendKeyFile"), None),
        (CONFIG.format("allowTLS", "keyFile"), None),
        (CONFIG.format("preferTLS", "sendKeyFile").replace("27017", "27018"), None),
        (CONFIG.format("preferTLS", "sendKeyFile").replace("10.0.0.1", "10.0.0.2"), None),
        (CONFIG.format("preferTLS", "sendKeyFile") + "operationProfiling:\n  mode: all\n", None),
    ],
)
def test_what_a_running_server_is_told(present: str, told: dict[str, str] | None) -> None:
    assert parameters(STARTED, present) == told


def test_a_key_file_is_taken_up_by_a_restart_alone() -> None:
    assert parameters(CONFIG.format("requireTLS", "keyFile"), CONFIG.format("requireTLS", "sendKeyFile")) is None


def test_the_mode_of_something_else_is_no_mode() -> None:
    profile = "operationProfiling:\n  mode: {}\n"
    assert parameters(profile.format("allowTLS"), profile.format("preferTLS")) is None


TLS = LADDERS["tls_mode"]


@pytest.mark.parametrize(
    ("present", "declared", "remedy"),
    [
        (None, "requireTLS", None),
        ("requireTLS", "requireTLS", None),
        ("preferTLS", "preferTLS", None),
        ("preferTLS", "requireTLS", "run the playbook stronghold.mongodb.require_tls"),
        ("allowTLS", "preferTLS", "take net.tls.mode out of mongodb_server_config and run the playbook"),
        ("requireTLS", "preferTLS", "take net.tls.mode out of mongodb_server_config, since a set does not go back"),
        ("requireTLS", "disabled", "take net.tls.mode out of mongodb_server_config, since a set does not go back"),
        ("disabled", "requireTLS", "run the playbook stronghold.mongodb.require_tls"),
    ],
)
def test_a_member_is_not_simply_given_another_mode(present: str | None, declared: str, remedy: str | None) -> None:
    refusal = TLS.refusal(present, declared)
    assert (refusal is None) is (remedy is None)
    if refusal and remedy:
        assert refusal[1].startswith(remedy)
        assert f"its server has the TLS mode {present}, and {declared} is declared" in refusal[0]


@pytest.mark.parametrize(
    ("present", "step", "expected"),
    [
        ("allowTLS", "requireTLS", "requireTLS"),
        ("requireTLS", "allowTLS", "requireTLS"),
        ("preferTLS", "preferTLS", "preferTLS"),
        (None, "allowTLS", "allowTLS"),
        ("disabled", "allowTLS", "allowTLS"),
        ("preferTLS", None, "preferTLS"),
    ],
)
def test_the_later_of_two_steps(present: str | None, step: str | None, expected: str) -> None:
    assert TLS.later(present, step) == expected


def test_what_is_no_step_is_not_later_than_another() -> None:
    with pytest.raises(ValueError, match="empty"):
        TLS.later(None, "disabled")


@pytest.mark.parametrize(("mode", "in_the_way"), [(None, True), ("allowTLS", True), ("preferTLS", False), ("requireTLS", False)])
def test_members_know_each_other_by_certificates_where_they_show_them(mode: str | None, in_the_way: bool) -> None:
    assert bool(problem("cluster_auth", {"cluster_auth": "keyFile", "tls_mode": mode}, "x509", "db-a")) is in_the_way
    assert problem("tls_mode", {"cluster_auth": "keyFile", "tls_mode": "allowTLS"}, "requireTLS", "db-a") == ""


def test_a_step_back_is_not_told_to_a_running_server() -> None:
    for after, before in (("allowTLS", "preferTLS"), ("preferTLS", "requireTLS")):
        assert parameters(CONFIG.format(before, "x509"), CONFIG.format(after, "x509")) is None
    assert parameters(CONFIG.format("preferTLS", "sendX509"), CONFIG.format("requireTLS", "x509")) == {
        "tlsMode": "requireTLS",
        "clusterAuthMode": "x509",
    }


def test_options_are_told_by_their_whole_path() -> None:
    assert parameters("net:\n  tls:\n    a: 1\n  mode: allowTLS\n", "net:\n  tls:\n    a: 1\n  mode: preferTLS\n") is None
    assert parameters("net:\n  tls:\n    mode: allowTLS\n  port: 1\n", "net:\n  tls:\n    mode: preferTLS\n  port: 1\n") == {
        "tlsMode": "preferTLS"
    }
    assert parameters("net.tls.mode: allowTLS\n", "net.tls.mode: preferTLS\n") == {"tlsMode": "preferTLS"}
    assert parameters("a: 1\nb: 1\n", "b: 1\na: 1\n") is None
