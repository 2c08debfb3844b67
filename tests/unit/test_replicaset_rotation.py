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


def test_the_record_is_renewed_for_what_was_taken_up_alone() -> None:
    old, new = "a" * 64, "b" * 64
    text = f"{old}  /etc/mongod.conf\n{old}  /tls/ca.pem\n{old}  /tls/member.pem\n"
    after = renewed(text, ["/tls/member.pem", "/not/recorded"], {"/tls/member.pem": new, "/not/recorded": new})
    assert parse_record(after) == {"/etc/mongod.conf": old, "/tls/ca.pem": old, "/tls/member.pem": new}
    assert renewed(text, [], {}) == text


@pytest.mark.parametrize("between", ["  ", " *"])
def test_each_form_of_line_that_is_read_is_renewed(between: str) -> None:
    old, new = "a" * 64, "b" * 64
    text = f"{old}{between}/tls/member.pem\nnot of sha256sum\n{old}{between}/etc/x"
    both = {"/tls/member.pem": new, "/etc/x": new}
    assert renewed(text, list(both), both) == text.replace(old, new)
