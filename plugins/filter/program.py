# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import installed
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.declaration import (
    PROGRAM,
    Declared,
    argument_spec,
)


def program_differs(survey: Mapping[str, Any], commands: Sequence[Mapping[str, Any]], digest: str, python: str) -> bool:
    try:
        return installed.differs(survey, digest, python, [_declared(entry) for entry in commands])
    except StrongholdError as error:
        raise AnsibleFilterError(str(error)) from error


def _declared(entry: Mapping[str, Any]) -> Declared:
    found = ArgumentSpecValidator(argument_spec()).validate(_plain(entry))
    if found.error_messages:
        raise AnsibleFilterError(f"could not tell what a host lacks: {'; '.join(found.error_messages)}")
    return Declared.from_params(found.validated_parameters, PROGRAM)


def _plain(value: Any) -> Any:
    """Templated to the end: the validator copies what it is given, and of what is still to be templated no copy works."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"program_differs": program_differs}
