#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_restart
short_description: Restart one mongod, or rotate its certificates, when it needs it, without its set losing the majority
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Runs on a member's own host. Restarts its service when the files that it was started with have changed since, and starts
    it when it is not running. Otherwise nothing is done. The decision rests on the host's state alone, so that it survives an
    interrupted playbook.
  - A member of a set goes down only while the others keep a voting majority; a member that has just come back is waited for.
    A primary steps down first, once a secondary has caught up. The module ends when the server is back in its set and knows
    a primary.
  - Where nothing but the files of O(rotates) changed, a server of MongoDB 5.0 or later takes them up without a restart
    (C(rotateCertificates)), and no connection is cut. A new handshake, with chain and name verified, then has to present the
    certificate of the file, and the record is brought up to date. A server that refuses, or presents another, is restarted.
  - A step of a migration to C(requireTLS) or to membership by certificate is taken without a restart too, see O(config_file).
  - Run it on one member after the other, the primary last. In check mode it tells RV(role) and RV(restart_needed), by which
    to order them.
options:
  service:
    description:
      - The systemd unit.
    type: str
    default: mongod
  started_with:
    description:
      - File in which the unit records at each start, as the output of C(sha256sum), the files that the server was started
        with, for example by C(ExecStartPre). A file that differs from its record, no record,
        and a program that has been replaced on disk are reasons to restart.
      - Unset means that only O(force) is a reason.
    type: path
  log_path:
    description:
      - Log file of the server, in which the cause is looked up when it does not start. Unset means that the end of the unit's
        journal is told instead.
    type: path
  rotates:
    description:
      - The files of C(net.tls) that the server can read again while it runs. Needs O(started_with), in which they are recorded.
      - Before a restart or a rotation they are judged. Files that the server or its peers would refuse, such as an expired
        certificate, one for other names, or one of an authority that is not in O(rotates.ca_file), are an error, and the server
        is left as it is.
      - A server that nobody can connect to any more because the certificate that it presents has expired, or a revocation list
        that it holds has ended, is restarted when the files are good, unless other members tell that the majority depends on it.
      - Needs the Python library C(cryptography). Unset means that every changed file leads to a restart.
    type: dict
    suboptions:
      certificate_key_file:
        description: Certificate and key, as in C(net.tls.certificateKeyFile).
        type: path
        required: true
      ca_file:
        description: The trusted authorities, as in C(net.tls.CAFile).
        type: path
        required: true
      crl_file:
        description: Revocation lists, as in C(net.tls.CRLFile).
        type: path
      names:
        description: DNS names and addresses by which the server is reached, all of which the certificate must carry.
        type: list
        elements: str
        default: []
  config_file:
    description:
      - Configuration of the server. Where nothing in it changed since the start but C(net.tls.mode) or
        C(security.clusterAuthMode), by the next step towards V(requireTLS) or V(x509), the running server is told
        (C(setParameter)), and is not restarted. Needs O(started_with), in which it is recorded, and O(started_config_file).
    type: path
  started_config_file:
    description:
      - Copy of O(config_file) that the unit makes at each start, for example by C(ExecStartPre). The module keeps it up to date.
    type: path
  members:
    description:
      - Other members of the set, as C(host:port). They are asked about the majority where the server itself cannot be spoken to.
    type: list
    elements: str
    default: []
  force:
    description:
      - Restart in any case.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for each single wait, for the others to be healthy, for the service, and for the server's return into its set.
    type: int
    default: 120
extends_documentation_fragment:
  - stronghold.mongodb.login
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
attributes:
  idempotent:
    support: partial
    details: With O(force=true) every run restarts.
notes:
  - O(login_host) and O(login_port) are those of the server to restart, not of another member.
  - Where all other members are healthy and yet too few for a majority, as in a set of one or two voters, it is restarted
    all the same.
seealso:
  - module: stronghold.mongodb.mongodb_replicaset_info
"""

EXAMPLES = r"""
- name: Restart the server if its files changed since its start
  stronghold.mongodb.mongodb_restart:
    login_host: "{{ inventory_hostname }}"
    login_user: admin
    login_password: "{{ admin_password }}"
    started_with: /run/stronghold/mongod-started-with
  throttle: 1

- name: Have the server take up renewed certificates, without a restart where it can
  stronghold.mongodb.mongodb_restart:
    login_host: "{{ inventory_hostname }}"
    login_user: admin
    login_password: "{{ admin_password }}"
    tls_ca_file: /etc/stronghold/tls/ca.pem
    started_with: /run/stronghold/mongod-started-with
    rotates:
      certificate_key_file: /etc/stronghold/tls/member.pem
      ca_file: /etc/stronghold/tls/ca.pem
      names: ["{{ inventory_hostname }}"]
  throttle: 1

- name: Who is primary, and who needs a restart
  stronghold.mongodb.mongodb_restart:
    login_host: "{{ inventory_hostname }}"
    login_user: admin
    login_password: "{{ admin_password }}"
    started_with: /run/stronghold/mongod-started-with
  check_mode: true
  register: restart
"""

RETURN = r"""
changes:
  description: One sentence for every change, in order.
  returned: success
  type: list
  elements: str
  sample: ["step down db-a:27017", "restart mongod: /etc/mongod.conf changed since the server started"]
applied:
  description: The changes that were already made.
  returned: failure
  type: list
  elements: str
role:
  description:
    - What the server was before. V(secondary) is any member of a set but the primary, V(standalone) a server in no
      set, V(down) one that does not answer.
  returned: success
  type: str
  sample: primary
restart_needed:
  description: Whether there was a reason to restart it, to start it, to rotate its certificates, or to change its mode.
  returned: success
  type: bool
reasons:
  description: The reasons.
  returned: success
  type: list
  elements: str
  sample: ["/etc/mongod.conf changed since the server started"]
"""

import platform
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.mode_step import ModeStep
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.restart import Restart
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.rotation import TlsFiles
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.log import ServerLog
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import library
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import ReplicaSet

_ROTATES = {
    "certificate_key_file": {"type": "path", "required": True},
    "ca_file": {"type": "path", "required": True},
    "crl_file": {"type": "path"},
    "names": {"type": "list", "elements": "str", "default": []},
}


def _parsed(params: dict[str, Any]) -> tuple[TlsFiles | None, list[Address]]:
    """Raises StrongholdError for what cannot be used."""
    host, rotates = platform.node(), params["rotates"]
    if rotates and library.problem():
        raise StrongholdError(host, "rotate certificates", library.problem(), "install it for the Python that runs this module")
    try:
        others = [parse_address(member) for member in params["members"]]
        return (TlsFiles.from_params(rotates) if rotates else None), others
    except ValueError as error:
        raise StrongholdError(host, "accept the members and names of the task", str(error), "correct it") from error


def mode_step(login: Login, params: dict[str, Any]) -> ModeStep | None:
    present, started = params["config_file"], params["started_config_file"]
    return ModeStep(login, Path(present), Path(started)) if present else None


def alone(module: AnsibleModule, service: str) -> AbstractContextManager[None]:
    """What another run does to the server ends first, and is seen."""
    if module.check_mode:
        return nullcontext()
    patience = module.params["timeout"] + locks.MODULE_TIMEOUT
    return locks.held(locks.restart(service), platform.node(), f"restart {service}", patience)


def main() -> None:
    module = accept(
        argument_spec={
            **login_argument_spec(),
            "service": {"type": "str", "default": "mongod"},
            "started_with": {"type": "path"},
            "log_path": {"type": "path"},
            "rotates": {"type": "dict", "options": _ROTATES},
            "config_file": {"type": "path"},
            "started_config_file": {"type": "path"},
            "members": {"type": "list", "elements": "str", "default": []},
            "force": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
        },
        required_by={"rotates": ["started_with"], "config_file": ["started_with"]},
        required_together=[("config_file", "started_config_file")],
        supports_check_mode=True,
    )
    require_pymongo(module)
    with funnel(module):
        manage(module)


def manage(module: AnsibleModule) -> None:
    login = Login.from_params(module.params)
    timeout, record, log = (module.params[name] for name in ("timeout", "started_with", "log_path"))
    rotates, others = _parsed(module.params)
    service = module.params["service"]
    with alone(module, service), ReplicaSet(login, others, timeout) as replica_set:
        restart = Restart(
            login,
            Systemd(service, timeout, ServerLog(Path(log)).complaint if log else None),
            Path(record) if record else None,
            force=module.params["force"],
            timeout=timeout,
            rotates=rotates,
            mode_step=mode_step(login, module.params),
        )
        plan = Plan()
        restart.build(plan, replica_set)
        finish(module, plan, role=restart.role, restart_needed=bool(restart.reasons), reasons=restart.reasons)


if __name__ == "__main__":
    main()
