# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a server must be restarted, and when it may go down."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._member import availability, start_record
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, declared
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.declaration import parse_members


def shape(*entries: object) -> Config:
    return declared("rs", None, parse_members(list(entries)), {})


THREE = shape("a", "b", "c")
A, B, C = "[a]:27017", "[b]:27017", "[c]:27017"


def record(folder: Path, *files: Path) -> Path:
    path = folder / "started-with"
    path.write_text("".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file}\n" for file in files))
    return path


def test_files_as_they_were_are_no_reason(tmp_path: Path) -> None:
    config, key = tmp_path / "mongod conf", tmp_path / "key"
    config.write_text("a")
    key.write_bytes(b"\x00" * 3000000)
    written = record(tmp_path, config, key)
    assert start_record.reasons(written) == []
    config.write_text("b")
    assert start_record.reasons(written) == [f"{config} changed since the server started"]
    key.unlink()
    assert start_record.reasons(written) == [
        f"{config} changed since the server started",
        f"{key} is gone since the server started",
    ]


def test_a_missing_or_empty_record_is_a_reason(tmp_path: Path) -> None:
    assert start_record.reasons(None) == []
    written = tmp_path / "started-with"
    assert start_record.reasons(written) == [f"{written} does not tell what the server was started with"]
    written.write_text("nonsense\n")
    assert start_record.reasons(written) == [f"{written} does not tell what the server was started with"]


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    written = tmp_path / "started-with"
    written.write_text(f"{'0' * 64}  {tmp_path}\n")
    with pytest.raises(StrongholdError, match="cannot be read"):
        start_record.reasons(written)


def test_the_record_is_read_as_sha256sum_writes_it() -> None:
    digest = "ab" * 32
    assert start_record.parse_record(f"{digest}  /etc/a b\n{digest} */etc/c\n{'x' * 64}  /etc/d\n\n") == {
        "/etc/a b": digest,
        "/etc/c": digest,
    }


@pytest.mark.parametrize(
    ("config", "down", "allowed"),
    [
        (THREE, set(), True),
        (THREE, {C}, False),
        (THREE, {A}, True),
        (shape("a", "b", "c", "d", "e"), {C}, True),
        (shape("a", "b", "c", "d", "e"), {B, C}, False),
        (shape("a"), set(), True),
        (shape("a", "b"), set(), True),
        (shape("a", "b"), {B}, False),
        (shape("b", "c", {"host": "a", "votes": 0}), {C}, True),
        (shape("a", "b", {"host": "c", "votes": 0}), {C}, True),
        (shape("a", "b", "c", "d"), set(), True),
        (shape("a", "b", "c", "d"), {C}, False),
        (shape("a", "b", "c", "d"), {A}, True),
        (shape("a", "b", "c", "d", "e", "f"), {C}, True),
        (shape("a", "b", "c", "d", "e", "f"), {B, C}, False),
        (shape("a", "b", "c", "d", "e", "f", "g"), {B, C}, True),
        (shape("a", "b", "c", {"host": "d", "arbiter_only": True}), {C}, False),
        (shape({"host": "a", "votes": 0}, "b", "c"), {B, C}, True),
    ],
)
def test_a_voter_goes_down_only_while_the_others_are_a_majority(config: Config, down: set[str], allowed: bool) -> None:
    refusal = availability.stays_available(config, down, A)
    assert (refusal is None) is allowed
    assert refusal is None or all(key[1] in refusal.reason for key in down)


def test_a_primary_hands_over_only_where_another_could_lead() -> None:
    assert availability.must_step_down(THREE, A)
    assert availability.must_step_down(shape("a", "b", {"host": "c", "priority": 0}), A)
    assert not availability.must_step_down(shape("a"), A)
    assert not availability.must_step_down(shape("a", {"host": "b", "priority": 0}, {"host": "c", "arbiter_only": True}), A)


@pytest.mark.parametrize(
    ("hello", "role", "serves"),
    [
        ({}, "down", False),
        ({"isWritablePrimary": True}, "standalone", False),
        ({"isreplicaset": True, "isWritablePrimary": False}, "standalone", False),
        ({"setName": "rs", "isWritablePrimary": True, "primary": "a:1"}, "primary", True),
        ({"setName": "rs", "secondary": True, "primary": "a:1"}, "secondary", True),
        ({"setName": "rs", "secondary": True}, "secondary", False),
        ({"setName": "rs", "arbiterOnly": True, "primary": "a:1"}, "secondary", True),
        ({"setName": "rs", "primary": "a:1"}, "secondary", False),
    ],
)
def test_the_role_follows_from_the_answer(hello: dict[str, object], role: str, serves: bool) -> None:
    assert availability.role_of(hello) == role
    assert availability.serves(hello) is serves


def test_what_happened_to_files_is_told_by_their_digests() -> None:
    recorded = {"/same": "1", "/other": "1", "/gone": "1"}
    assert start_record.drift(recorded, {"/same": "1", "/other": "2", "/gone": None, "/new": "1"}) == {
        "/other": "changed",
        "/gone": "is gone",
    }
    assert start_record.drift(recorded, {}) == dict.fromkeys(recorded, "is gone")
