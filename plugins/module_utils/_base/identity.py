# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of this host: whose files are, and who does something.

PRIVATE to the collection.
"""

from __future__ import annotations

import grp
import os
import platform
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError


@dataclass(frozen=True)
class Owner:
    """Numeric ids of an account and a group."""

    uid: int
    gid: int

    @classmethod
    def named(cls, user: str, group: str) -> Owner:
        """Raises StrongholdError where the host lacks the account or the group."""
        try:
            return cls(pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
        except KeyError as error:
            reason = f"there is no such account or group ({error.args[0]})"
            remedy = "apply stronghold.mongodb.mongodb_host first"
            raise StrongholdError(platform.node(), f"give files to {user}:{group}", reason, remedy) from error


ROOT = Owner(0, 0)


@contextmanager
def acting_as(owner: Owner) -> Iterator[None]:
    """With the rights of an account (credentials(7)), which may look into its folders and at its processes, and signal them.

    Root without capabilities may not. Threads have these rights too, so that there should be none.
    """
    own = os.geteuid(), os.getegid()
    os.setegid(owner.gid)
    os.seteuid(owner.uid)
    try:
        yield
    finally:
        os.seteuid(own[0])
        os.setegid(own[1])
