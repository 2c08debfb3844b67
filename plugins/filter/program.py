# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import installed
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.bundle import build


def program_digest(python: str) -> str:
    try:
        return hashlib.sha256(build(python)).hexdigest()
    except StrongholdError as error:
        raise AnsibleFilterError(str(error)) from error


def program_differs(survey: Mapping[str, Any], python: str, options: Mapping[str, Any]) -> bool:
    spec = login_argument_spec()
    login = ArgumentSpecValidator(spec).validate({name: value for name, value in options.items() if name in spec})
    return installed.differs(survey, program_digest(python), options, Login.from_params(login.validated_parameters))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"program_differs": program_differs, "program_digest": program_digest}
