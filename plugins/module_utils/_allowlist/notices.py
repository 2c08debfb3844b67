# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's own notices of changes to a table of nf_tables, whoever makes them.

What changed is not read from them: a notice is a reason to look. So none has to be kept, and where the kernel lost some, because
they came faster than they were read (ENOBUFS), that is a reason to look, too.

PRIVATE to the collection.
"""

from __future__ import annotations

import errno
import select
import time
from collections.abc import Callable
from typing import NoReturn

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import netlink

_GROUP = 7  # NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h
_LONGEST = 1 << 16  # bytes of one notice
_QUIET = 0.1  # seconds without another notice, after which a change is taken for whole
_MOST = 0.5  # seconds, after which it is looked whatever comes


class Notices:
    """Of ``table`` in this network namespace, from now on. Needs CAP_NET_ADMIN; raises OSError."""

    def __init__(self, table: str) -> None:
        self._name = table.encode() + b"\0"
        self._kernel = netlink.connected(1 << (_GROUP - 1))

    def close(self) -> None:
        """Hear no more of them."""
        self._kernel.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Return at a change to the table, at once where some was lost; False where there was none for ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._kernel], [], [], left)[0]:
                return False
            try:
                if self._name in self._kernel.recv(_LONGEST):
                    return True
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                return True

    def settle(self) -> None:
        """Return when the change that was told of is whole: all of a transaction is told within no time."""
        deadline = time.monotonic() + _MOST
        while time.monotonic() < deadline and self.wait(_QUIET):
            pass


def follow(notices: Notices, look: Callable[[], object]) -> NoReturn:
    """``look`` now, for nobody was told of what changed before, and after each change. What it changes itself is one more."""
    while True:
        look()
        notices.wait()
        notices.settle()
