# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import MASK
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.conf_secrets import difference, masked

CANARY = "p4ss: 'w0rd' # \"Canary\""
SECRET = [
    "net.tls.certificateKeyFilePassword",
    "net.tls.clusterPassword",
    "net.ssl.PEMKeyPassword",
    "security.ldap.bind.queryPassword",
    "security.kmip.clientCertificatePassword",
    "security.vault.token",
    "setParameter.ldapQueryPassword",
    "setParameter.net.tls.certificateKeyFilePasword_secret",
]
OPEN = [
    "net.tls.certificateKeyFile",
    "security.keyFile",
    "security.vault.tokenFile",
    "setParameter.enableLocalhostAuthBypass",
    "setParameter.authenticationMechanisms",
]


def nested(path: str, value: object) -> dict[str, object]:
    names = path.split(".")
    for name in reversed(names):
        value = {name: value}
    assert isinstance(value, dict)
    return value


VALUES = [CANARY, "Canary", "Canary " * 40, "a\nCanary\nb", ["Canary"], {"__exec": "say Canary", "type": "string"}]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("path", SECRET)
def test_a_secret_is_not_in_what_is_shown(path: str, value: object) -> None:
    written = yaml.safe_dump({**nested(path, value), "zone": {"after": "is shown"}}, indent=2, allow_unicode=True)
    seen = masked(written)
    assert "Canary" not in seen.text
    assert any("Canary" in secret for secret in seen.secrets)
    assert yaml.safe_load(seen.text.replace(MASK, "hidden")) == {**nested(path, "hidden"), "zone": {"after": "is shown"}}


@pytest.mark.parametrize("path", OPEN)
def test_what_is_no_secret_is_shown(path: str) -> None:
    written = yaml.safe_dump(nested(path, "/etc/Canary"))
    assert masked(written) == (written, frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "sslPEMKeyPassword = Canary\nport = 27017\n",
        "# certificateKeyFilePassword: Canary\n",
        "net: {tls: {clusterPassword: Canary, mode: requireTLS}}\n",
        "net: {tls: {clusterPassword:\n    Canary}}\n",
        '{"net": {"tls": {\n"clusterPassword":\n"Canary"}}}\n',
        'net:\n  tls:\n    "clusterPassword": Canary\n',
        "net:\n  ? clusterPassword\n  : Canary\nclusterPassword: x\n",
        "net:\n  tls:\n    clusterPassword:\n    - Canary\n",
        'setParameter:\n  oidcIdentityProviders: \'[{"clientSecret": "Canary"}]\'\n',
    ],
)
def test_nor_in_another_way_of_writing_it(text: str) -> None:
    assert "Canary" not in masked(text).text


def test_a_difference_tells_that_a_secret_is_new_and_not_which() -> None:
    before = "net:\n  tls:\n    clusterPassword: one\n    mode: requireTLS\n"
    assert difference(before, before.replace("requireTLS", "preferTLS")) == (
        before.replace("one", MASK),
        before.replace("one", MASK).replace("requireTLS", "preferTLS"),
    )
    assert difference(before, before.replace("one", "two")) == (
        before.replace("one", MASK),
        before.replace("one", f"{MASK} (new)"),
    )
    assert difference("", before) == ("", before.replace("one", f"{MASK} (new)"))
