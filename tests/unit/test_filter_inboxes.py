# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts are told of inboxes is what their commands accept, and each host learns no more than it needs."""

from __future__ import annotations

from ansible_collections.stronghold.mongodb.plugins.filter.inboxes import inboxes
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import accepted_inbox, accepted_intake
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.settings import accepted_physical

PASSWORDS, KEYS = ["of db-a, by a/b @: x", "password of db-b"], ["the key of db-a..", "the key of db-b.."]
FOUND = inboxes(["db-a", "db-b"], PASSWORDS, KEYS, 27117, 2, backups=["vault-a", "2001:db8::1"])


def test_all_of_it_is_accepted() -> None:
    certificates = {"certificate_file": "/b.pem", "ca_file": "/ca.pem"}
    served = accepted_inbox({"address": "192.0.2.1", **certificates, "inboxes": FOUND["served"]})
    assert [(one.name, one.port, one.quota) for one in served.inboxes] == [("db-a", 27117, 2 << 30), ("db-b", 27118, 2 << 30)]
    taken = accepted_intake({"replica_set": "shop", "password": "p" * 16, "inboxes": FOUND["taken"]})
    assert [one.key for one in taken.inboxes] == KEYS
    login = {"host": "localhost"}
    sent = accepted_physical({"login": login, "db_path": "/data", **certificates, "vaults": FOUND["sent"]["db-a"]})
    assert [one.repository for one in sent.vaults] == [
        "rest:https://db-a:of%20db-a%2C%20by%20a%2Fb%20%40%3A%20x@vault-a:27117/",
        "rest:https://db-a:of%20db-a%2C%20by%20a%2Fb%20%40%3A%20x@[2001:db8::1]:27117/",
    ]


def test_a_host_learns_no_more_than_it_needs() -> None:
    assert not any(key in str(FOUND["served"]) for key in KEYS)
    assert not any(password in str(FOUND["taken"]) for password in PASSWORDS)
    assert KEYS[1] not in str(FOUND["sent"]["db-a"])
