# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster's names in /etc/hosts: those declared, and those of members that still have to leave."""

from __future__ import annotations

from ansible_collections.stronghold.mongodb.plugins.module_utils._host.names import BEGIN, END, names

A, B = {"name": "db-a", "address": "192.0.2.11"}, {"name": "db-b", "address": "192.0.2.12"}
FILE = f"{BEGIN}\n192.0.2.11 db-a\n192.0.2.12 db-b\n{END}\n127.0.0.1 localhost\n192.0.2.99 other\n"


def test_what_is_declared_is_held() -> None:
    found = names([A, B], FILE)
    assert found["held"] == found["declared"] == found["kept"] == ["192.0.2.11 db-a", "192.0.2.12 db-b"]
    assert found["former"] == []


def test_a_file_without_the_block_holds_nothing_of_ours() -> None:
    for text in ("", "192.0.2.11 db-a\n", f"{BEGIN}\n192.0.2.11 db-a\n"):
        found = names([A], text)
        assert (found["held"], found["former"], found["kept"]) == ([], [], ["192.0.2.11 db-a"])


def test_who_is_no_longer_declared_is_kept_until_forgotten() -> None:
    found = names([A], FILE)
    assert found["former"] == ["db-b"]
    assert found["declared"] == ["192.0.2.11 db-a"]
    assert found["kept"] == ["192.0.2.11 db-a", "192.0.2.12 db-b"]


def test_a_new_address_replaces_the_old_one_at_once() -> None:
    moved = {"name": "db-b", "address": "192.0.2.22"}
    assert names([A, moved], FILE)["kept"] == ["192.0.2.11 db-a", "192.0.2.22 db-b"]


def test_a_host_known_by_its_address_needs_no_line() -> None:
    assert names([{"name": "192.0.2.11", "address": "192.0.2.11"}], "")["declared"] == []


def test_a_renamed_host_keeps_its_former_name_for_a_while() -> None:
    renamed = {"name": "db-b.example.com", "address": "192.0.2.12"}
    found = names([A, renamed], FILE)
    assert found["aliases"] == {"db-b.example.com": ["db-b"]}
    assert found["kept"] == ["192.0.2.11 db-a", "192.0.2.12 db-b.example.com", "192.0.2.12 db-b"]
    assert found["renamed"] == found["kept"]
    assert names([A, B], FILE)["aliases"] == {}
    gone = names([A], FILE)
    assert (gone["aliases"], gone["renamed"]) == ({}, gone["declared"])
