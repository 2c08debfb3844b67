# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When certificates can be taken up without a restart, and what the record says afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._member.rotation import TlsFiles, suffices
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.start_record import parse_record, renewed

FILES = TlsFiles(Path("/tls/member.pem"), Path("/tls/ca.pem"), Path("/tls/crl.pem"))
V5, V44 = {"maxWireVersion": 13}, {"maxWireVersion": 9}


@pytest.mark.parametrize("path", FILES.paths())
def test_certificates_alone_are_taken_up(path: str) -> None:
    assert suffices({path: "changed"}, FILES, V5)
    assert not suffices({path: "changed"}, FILES, V44)
    assert not suffices({path: "changed"}, FILES, {})
    assert not suffices({path: "is gone"}, FILES, V5)
    assert not suffices({path: "changed", "/etc/mongod.conf": "changed"}, FILES, V5)


def test_nothing_that_changed_is_nothing_to_take_up() -> None:
    assert not suffices({}, FILES, V5)
    assert not suffices({"/tls/crl.pem": "changed"}, TlsFiles(FILES.certificate, FILES.authorities), V5)


OLD, NEW, NEWER = "a" * 64, "b" * 64, "c" * 64
RECORD = f"{OLD}  /etc/mongod.conf\n{OLD}  /tls/ca.pem\n{OLD}  /tls/member.pem\n"


def test_the_record_is_renewed_for_what_was_taken_up_alone() -> None:
    taken = {"/tls/member.pem": NEW, "/not/recorded": NEW}
    after = renewed(RECORD, taken, taken)
    assert parse_record(after) == {"/etc/mongod.conf": OLD, "/tls/ca.pem": OLD, "/tls/member.pem": NEW}
    assert renewed(RECORD, {}, {}) == RECORD


def test_a_file_that_changed_during_the_rotation_is_for_the_next_one() -> None:
    """Nobody knows whether the server has read it before or after that."""
    before = {"/tls/member.pem": NEW, "/tls/ca.pem": NEW}
    for last in (NEWER, None):
        assert parse_record(renewed(RECORD, before, {"/tls/member.pem": last, "/tls/ca.pem": NEW})) == {
            "/etc/mongod.conf": OLD,
            "/tls/ca.pem": NEW,
            "/tls/member.pem": OLD,
        }


def test_the_server_releases_that_rotate_begin_with_five() -> None:
    changed = {"/tls/member.pem": "changed"}
    assert suffices(changed, FILES, {"maxWireVersion": 13})
    assert suffices(changed, FILES, {"maxWireVersion": 17})
    assert not suffices(changed, FILES, {"maxWireVersion": 12})


def test_all_of_the_files_may_have_changed_and_none_may_be_gone() -> None:
    changed = dict.fromkeys(FILES.paths(), "changed")
    assert suffices(changed, FILES, V5)
    assert not suffices({**changed, "/tls/ca.pem": "is gone"}, FILES, V5)


@pytest.mark.parametrize("between", ["  ", " *"])
def test_each_form_of_line_that_is_read_is_renewed(between: str) -> None:
    text = f"{OLD}{between}/tls/member.pem\nnot of sha256sum\n{OLD}{between}/etc/x"
    both = {"/tls/member.pem": NEW, "/etc/x": NEW}
    assert renewed(text, both, both) == text.replace(OLD, NEW)
