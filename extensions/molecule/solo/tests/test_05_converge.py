# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From bare hosts to what is declared: predicted without a change, made, and found as it should be."""

from __future__ import annotations

from scenario import first_run

from lab.fleet import Fleet


def test_check_mode_on_bare_hosts_changes_none(fleet: Fleet) -> None:
    first_run.predict(fleet)


def test_it_converges_and_then_there_is_nothing_to_do(fleet: Fleet) -> None:
    first_run.converge(fleet)
