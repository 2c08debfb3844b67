# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: program_digest
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
version_added: 0.1.0
short_description: Tell the digest of the program that runs on hosts by itself
description:
  - Tells of the sources that M(stronghold.mongodb.mongodb_program) builds the program from, so that a role need not run it where
    nothing differs. It takes a moment, so ask once for all hosts.
options: {}
"""

EXAMPLES = r"""
- name: Show the digest
  ansible.builtin.debug:
    msg: "{{ lookup('stronghold.mongodb.program_digest') }}"
"""

RETURN = r"""
_raw:
  description: SHA-256 in hexadecimal.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.bundle import digest


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        try:
            return [digest()]
        except StrongholdError as error:
            raise AnsibleLookupError(str(error)) from error
