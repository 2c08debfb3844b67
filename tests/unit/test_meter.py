# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person at a terminal sees, and that nobody else sees it."""

from __future__ import annotations

import io

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.meter import line, meter

MIB = 1 << 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_tells_how_far_it_is_and_goes() -> None:
    into, now = Terminal(), [0.0]
    with meter(into, lambda: now[0]) as advance:
        for moment in (1.0, 1.1, 2.0):
            now[0] = moment
            advance(10 * MIB, 60 * MIB)
    shown = into.getvalue().split("\r\x1b[K")
    assert shown == [
        "",
        "[####                    ] 10 of about 60 MiB, 10 MiB/s, 5 s left",
        "[############            ] 30 of about 60 MiB, 15 MiB/s, 2 s left",
        "",
    ]


def test_a_file_gets_nothing() -> None:
    into = io.StringIO()
    with meter(into) as advance:
        advance(MIB, MIB)
    assert into.getvalue() == ""


def test_more_than_was_reckoned_has_no_end() -> None:
    assert line(3 * MIB, 2 * MIB, 1.0) == "[########################] 3 of about 2 MiB, 3 MiB/s"
    assert line(0, 0, 0.0) == "[                        ] 0 of about 0 MiB, 0 MiB/s"
