# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes a machine of its own: minutes where other tests take seconds."""

from __future__ import annotations

from integration import ports


def pytest_configure() -> None:
    ports.reserve()
