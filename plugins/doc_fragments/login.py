# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of module_utils/_mongod/login.py: login_argument_spec."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Name or address of the one server to connect to, as seen from the host on which the module runs. A port may follow it,
        as in C(db-a.example.org:27017) or C([2001:db8::1]:27017). It is no connection string.
    type: str
    default: localhost
  login_port:
    description:
      - Port of the server. Unset means the one in O(login_host), and where there is none V(27017).
    type: int
  login_user:
    description:
      - Account to log in with. Unset means that no login is made, or with O(auth_mechanism=MONGODB-X509)
        that the server takes the name from the client certificate.
    type: str
  login_password:
    description:
      - Password of O(login_user).
    type: str
  login_database:
    description:
      - Database in which O(login_user) is defined.
    type: str
    default: admin
  replica_set:
    description:
      - Name of the replica set. When set, the primary is found through O(login_host); otherwise the module
        talks to O(login_host) alone.
    type: str
  auth_mechanism:
    description:
      - How to log in. Unset means that client and server choose the strongest SCRAM.
    type: str
    choices: [SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509]
  tls:
    description:
      - Whether to use TLS. The server's certificate and its host name are always verified.
    type: bool
    default: true
    aliases: [ssl]
  tls_ca_file:
    description:
      - PEM file with the authorities to trust. Unset means those of the system.
    type: path
    aliases: [ssl_ca_certs]
  tls_certificate_key_file:
    description:
      - PEM file with the client's certificate and private key.
    type: path
    aliases: [ssl_certfile]
  tls_certificate_key_password:
    description:
      - Password of the private key in O(tls_certificate_key_file).
    type: str
    aliases: [ssl_pem_passphrase]
  tls_crl_file:
    description:
      - PEM file with revoked certificates; a server that presents one of them is refused.
    type: path
    aliases: [ssl_crlfile]
  login_timeout:
    description:
      - Seconds to wait for the server before the task fails.
    type: int
    default: 10
requirements:
  - pymongo >= 4.6 on the host that runs the module (the role P(stronghold.mongodb.mongodb_host#role) provides it)
notes:
  - Set these options once for a play with C(module_defaults) and the group C(group/stronghold.mongodb.mongodb).
"""
