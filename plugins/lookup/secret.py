# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: secret
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
version_added: 0.1.0
short_description: A secret that is generated once and kept in a file on the controller
description:
  - Returns the content of a file, and generates it first where it is missing.
  - The file is for its owner alone and appears whole or not at all. A run that was killed is finished by the next one; two runs
    at once agree on one secret.
  - A link in its place is refused, and so is a file that is empty or that others can read.
  - In check mode nothing is written. A secret that does not exist yet is then a random one that nobody keeps.
options:
  _terms:
    description:
      - Paths of the files. Folders that are missing are made for their owner alone, each with a C(.gitignore) over all it holds.
        The folder of a file gets one too where it exists already, is for its owner alone, is no home or top of a repository,
        and has none.
    type: list
    elements: str
    required: true
  length:
    description: Number of characters to generate.
    type: int
    default: 32
  characters:
    description: Characters to choose from.
    type: str
    default: ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789
seealso:
  - plugin: ansible.builtin.password
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Supply the administrator's password from a file of its own
  ansible.builtin.set_fact:
    mongodb_cluster_admin_password: "{{ lookup('stronghold.mongodb.secret', '~/.stronghold/orders/admin_password') }}"
"""

RETURN = r"""
_raw:
  description: The secrets.
  type: list
  elements: str
"""

import secrets
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.secrets import kept


def generate(length: int, characters: str) -> str:
    return "".join(secrets.choice(characters) for _position in range(length))


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core ships no types
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        dry = bool((variables or {}).get("ansible_check_mode"))
        return [self._one(Path(term).expanduser(), dry=dry) for term in terms]

    def _one(self, path: Path, *, dry: bool) -> str:
        fresh = generate(self.get_option("length"), self.get_option("characters"))
        try:
            return kept(path, fresh, check=dry).strip()
        except StrongholdError as error:
            raise AnsibleError(str(error)) from error
