# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a module supports, in Ansible's own terms."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can predict what it would change without changing anything.
  diff_mode:
    description: Returns what it changes, or in check mode would change, without secrets.
  idempotent:
    description: A second run with the same options changes nothing.
"""

    # A module that changes state by a plan.
    PLANNED = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

    # A module that only reads.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
"""
