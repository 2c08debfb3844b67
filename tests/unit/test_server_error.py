# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request to a server became, told apart without reading sentences."""

from __future__ import annotations

import pytest
from pymongo import errors

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Refused
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError, Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import Kind, ServerError, translate


@pytest.mark.parametrize(
    ("error", "kind", "code", "closed"),
    [
        (errors.OperationFailure("no", 13), Kind.REFUSED, Code.UNAUTHORIZED, False),
        (errors.OperationFailure("no", None, {"code": 51003}), Kind.REFUSED, Code.USER_EXISTS, False),
        (errors.OperationFailure("connection closed", 1), Kind.REFUSED, 1, False),
        (errors.NotPrimaryError("no", {"code": 10107}), Kind.INTERRUPTED, Code.NOT_WRITABLE_PRIMARY, False),
        (errors.AutoReconnect("a:1: connection closed"), Kind.INTERRUPTED, None, True),
        (errors.ServerSelectionTimeoutError("a:1: connection reset by peer"), Kind.UNREACHABLE, None, True),
        (errors.ServerSelectionTimeoutError("a:1: connection refused"), Kind.UNREACHABLE, None, False),
        (errors.ConfigurationError("no such option"), Kind.NOT_SENT, None, False),
    ],
)
def test_what_became_of_a_request_is_told_by_values(error: Exception, kind: Kind, code: int | None, closed: bool) -> None:
    with pytest.raises(ServerError) as caught, translate("a:1", "ask it"):
        raise error
    assert (caught.value.kind, caught.value.code, caught.value.closed) == (kind, code, closed)
    assert str(caught.value).startswith("a:1: could not ask it because ")
    assert caught.value.__cause__ is error


def test_a_refusal_of_one_item_is_both_and_says_what_is_known_better() -> None:
    error = Refused.of(errors.OperationFailure("no", 31), "a:1", "create the user u", Refusal("there is no role r", "make it"))
    assert isinstance(error, ItemError)
    assert (error.code, str(error)) == (31, "a:1: could not create the user u because there is no role r; make it.")
