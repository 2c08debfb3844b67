# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that modules share which manage, or tell of, many things that are defined in databases."""

    DOCUMENTATION = r"""
options:
  databases:
    description:
      - Databases that O(purge) looks at; none is implied. Required with it, and used by it alone.
    type: list
    elements: str
"""

    # A module that only reads.
    INFO = r"""
options:
  databases:
    description:
      - Tell of those that are defined in these databases alone. Empty means all.
    type: list
    elements: str
    default: []
  names:
    description:
      - Tell of those with these names alone. Empty means all.
    type: list
    elements: str
    default: []
"""
