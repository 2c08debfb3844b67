#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_tls_info
short_description: Tell what certificates a host uses and its servers present
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Tells of every certificate file that is named what it is, how long it lasts and why a server or its peers would refuse it,
    and the same of the trusted authorities and the revocation lists.
  - Asks running servers by a handshake what they present, and compares that with the file.
  - Each problem, and each end that is near, is a warning too.
requirements:
  - cryptography >= 41.0 on the host, for the interpreter that runs the module
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
options:
  ca_file:
    description:
      - File of the trusted authorities.
    type: path
    required: true
  crl_file:
    description:
      - File of the revocation lists, where there is one.
    type: path
  certificates:
    description:
      - Certificate files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - File with the certificate, its chain and its private key.
        type: path
        required: true
      kind:
        description:
          - What it has to be fit for. V(member) serves and connects, V(client) and V(backup) only connect, V(issuer) signs them.
        type: str
        choices: [member, client, backup, issuer]
        default: member
      names:
        description:
          - DNS names and addresses for which it has to be valid.
        type: list
        elements: str
        default: []
  servers:
    description:
      - Running servers to ask.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - Name or address, which the certificate has to be valid for. A port may follow it, as in C(db-a.example.org:27017).
        type: str
        required: true
      port:
        description:
          - Port. Unset means the one in O(servers[].host), and where there is none V(27017).
        type: int
      path:
        description:
          - The file whose certificate it should present.
        type: path
      certificate_key_file:
        description:
          - Certificate to show to a server that asks for one.
        type: path
  renew_before:
    description:
      - A certificate's end is near when fewer than this number of days is left. V(third) means a third of its life.
    type: str
    default: third
  timeout:
    description:
      - Seconds to wait for a server.
    type: int
    default: 10
seealso:
  - module: stronghold.mongodb.mongodb_tls
"""

EXAMPLES = r"""
- name: Look at the certificates of a database host
  stronghold.mongodb.mongodb_tls_info:
    ca_file: /etc/stronghold/tls/ca.pem
    crl_file: /etc/stronghold/tls/crl.pem
    certificates:
      - path: /etc/stronghold/tls/member.pem
        names: [db-a.example.com]
      - path: /etc/stronghold/tls/client.pem
        kind: client
    servers:
      - host: db-a.example.com
        path: /etc/stronghold/tls/member.pem
        certificate_key_file: /etc/stronghold/tls/client.pem
  register: tls

- name: Stop where the server presents another certificate than its file holds
  ansible.builtin.assert:
    that: tls.servers | map(attribute='matches_file') is all
"""

RETURN = r"""
certificates:
  description: The files, in the order in which they were named.
  returned: success
  type: list
  elements: dict
  contains: &certificate
    path:
      description: File on the host. Not among the fields of RV(authorities).
      type: str
    kind:
      description: Kind that was asked for. Only among the fields of RV(certificates).
      type: str
    subject:
      description: Subject by RFC 2253. Null, like the following ones, where there is no certificate to read.
      type: str
      sample: CN=db-a.example.com,OU=members,O=orders
    issuer:
      description: Subject of the issuer by RFC 2253.
      type: str
    names:
      description: DNS names and addresses.
      type: list
      elements: str
    key_type:
      description: Type of the key.
      type: str
      sample: ec-p256
    serial:
      description: Serial number in hexadecimal.
      type: str
    fingerprint:
      description: SHA-256 of the certificate in hexadecimal.
      type: str
    not_before:
      description: First moment of validity, in UTC.
      type: str
    not_after:
      description: Last moment of validity, in UTC.
      type: str
      sample: "2027-11-22T10:00:00Z"
    days_left:
      description: Whole days until then; negative afterwards.
      type: int
    near_end:
      description: Whether fewer days are left than O(renew_before) says; of an authority, than a tenth of its life.
      type: bool
    problems:
      description: Why it would be refused. Not among the fields of RV(authorities).
      type: list
      elements: str
      sample: ["it expired on 2026-10-01T00:00:00Z"]
authorities:
  description: The trusted authorities.
  returned: success
  type: list
  elements: dict
  contains: *certificate
revocation_lists:
  description: The revocation lists.
  returned: success
  type: list
  elements: dict
  contains:
    issuer:
      description: Subject of the authority by RFC 2253.
      type: str
    revoked:
      description: Serial numbers in hexadecimal.
      type: list
      elements: str
    this_update:
      description: First moment at which it counts, in UTC.
      type: str
    next_update:
      description: Its end, in UTC. Servers then refuse every certificate of the issuer.
      type: str
    days_left:
      description: Whole days until then; negative afterwards.
      type: int
    near_end:
      description: Whether half of its life is over.
      type: bool
    problems:
      description: Why it is of no use.
      type: list
      elements: str
trust_files:
  description: What cannot be read of O(ca_file) and O(crl_file).
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: File on the host.
      type: str
    problems:
      description: Why.
      type: list
      elements: str
servers:
  description: What the servers present, in the order in which they were named.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: As asked.
      type: str
    port:
      description: As asked.
      type: int
    answered:
      description: Whether anything answers there, be it with an error.
      type: bool
    presented:
      description: The certificate, with the fields of RV(authorities). Null where there was no handshake.
      type: dict
    verified:
      description: Whether its chain and name stood the verification.
      type: bool
    matches_file:
      description: Whether it is the one in O(servers[].path). Null where none was named.
      type: bool
    problems:
      description: What is wrong.
      type: list
      elements: str
"""

import platform
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import located
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import library
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import THIRD
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.look import Look
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import KINDS
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.survey import warnings

OF_CERTIFICATE = {
    "path": {"type": "path", "required": True},
    "kind": {"type": "str", "choices": list(KINDS), "default": KINDS[0]},
    "names": {"type": "list", "elements": "str", "default": []},
}
OF_SERVER = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int"},
    "path": {"type": "path"},
    "certificate_key_file": {"type": "path", "no_log": False},
}
ARGUMENT_SPEC = {
    "ca_file": {"type": "path", "required": True},
    "crl_file": {"type": "path"},
    "certificates": {"type": "list", "elements": "dict", "default": [], "options": OF_CERTIFICATE},
    "servers": {"type": "list", "elements": "dict", "default": [], "options": OF_SERVER},
    "renew_before": {"type": "str", "default": THIRD},
    "timeout": {"type": "int", "default": 10},
}


def main() -> None:
    module = accept(ARGUMENT_SPEC, supports_check_mode=True)
    with funnel(module):
        found = _found(module.params, platform.node())
        for warning in warnings(found):
            module.warn(warning)
        module.exit_json(changed=False, **found)


def _found(params: dict[str, Any], name: str) -> dict[str, list[dict[str, Any]]]:
    problem = library.problem()
    if problem:
        raise StrongholdError(
            name,
            "look at certificates",
            problem,
            "install it for the interpreter that runs this module (ansible_python_interpreter)",
        )
    try:
        servers = [located(entry) for entry in params["servers"]]
    except ValueError as error:
        raise StrongholdError(
            name, "ask the servers", str(error), "give one server in each element, and its port in port"
        ) from error
    look = Look(params, name)
    return {
        "certificates": [look.certificate(entry) for entry in params["certificates"]],
        "authorities": look.authorities(),
        "revocation_lists": look.revocation_lists(),
        "trust_files": look.trust_files,
        "servers": [look.server(entry) for entry in servers],
    }


if __name__ == "__main__":
    main()
