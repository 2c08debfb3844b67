# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a change of the allowlist starts from, what it keeps of what only runs, and when it may be tried. Pure.

A declaration is None where there is none: ``boot`` is that of the file, ``ran`` that of the running record, ``kernel`` reads that
of the table in the kernel.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, Request, revise

_GENERATIONS = 1 << 32


def basis(
    boot: Declaration | None, ran: Declaration | None, kernel: Callable[[], Declaration | None], *, persist: bool
) -> Declaration:
    """What a request revises: the record that will be written, or else the next one that is there."""
    return (boot or ran if persist else ran or boot) or kernel() or Declaration()


def with_what_only_runs(
    target: Declaration, boot: Declaration | None, ran: Declaration | None, request: Request, now: float
) -> Declaration:
    """``target`` and the groups that only the kernel was given, which stay until a purge, a request for them or the next boot."""
    if request.purge or ran is None or boot is None:
        return target
    only = {name: ran.groups[name] for name in set(ran.groups) - set(boot.groups) - set(request.groups)}
    if not only:
        return target
    running = revise(Declaration(target.ports, only), Request({}), now).groups
    return replace(target, groups=dict(sorted({**target.groups, **running}.items())))


def trial_problem(*, under_way: bool, guarded: bool) -> tuple[str, str] | None:
    """Why nothing can be tried now, and what to do; ``under_way`` tells of another trial, ``guarded`` that there are rules.

    A second trial would take what the first one tries for what it has to put back.
    """
    if under_way:
        return "another trial is under way", "confirm that one, or wait for its end"
    if not guarded:
        return "there are no rules to which it could be taken back", "declare them without confirm_timeout first"
    return None


def is_next(before: int | None, after: int | None) -> bool:
    """Whether the kernel's rules went from one generation to the next. One transaction moves it by one, and none has number 0."""
    return before is not None and after == ((before + 1) % _GENERATIONS or 1)
