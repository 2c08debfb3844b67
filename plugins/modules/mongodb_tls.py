#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_tls
short_description: Issue and renew the certificates of a MongoDB cluster
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Gives a host the certificates that are declared, signed by a private authority that lives on the controller, and the
    file of trusted authorities.
  - A private key is made on the host that uses it and never leaves it. The authority's key never leaves the controller.
  - Every certificate is compared by content with its declaration (key, subject, names, usages, issuer, validity, owner
    and mode), and issued again, with a new key, when it differs or nears its end. RV(certificates[].reasons) says why.
  - All certificates of a host are served by one task. When nothing has to be issued, the host is visited once, otherwise twice.
  - A run that is interrupted leaves the old files in force; the next one finishes.
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
requirements:
  - cryptography >= 41.0 on the controller, and on the host for the interpreter that runs the module
    (the role P(stronghold.mongodb.mongodb_host#role) provides it)
options:
  mode:
    description:
      - V(private) where O(authority) signs, V(external) where the certificates come from elsewhere, such as a company's
        authority. Unset, it follows from whether O(authority) or O(trusted) is given.
      - Certificates from elsewhere may say and allow more than is declared, but no less.
    type: str
    choices: [private, external]
  authority:
    description:
      - The authority that signs. It is created with the first certificate that it has to sign.
      - The task runs partly on the controller, and the paths in this option are paths there.
      - One of O(authority) and O(trusted) is required.
    type: dict
    suboptions:
      dir:
        description:
          - Folder, for its owner alone, with the key C(ca.key), encrypted, and the certificate C(ca.pem).
          - Keep it safe and keep it backed up. Without it no certificate can be renewed.
        type: path
        required: true
      passphrase:
        description:
          - Passphrase of the key.
          - One of O(authority.passphrase) and O(authority.passphrase_file) is required.
        type: str
      passphrase_file:
        description:
          - File with the passphrase of the key. When the authority is created and the file is missing, it is made with a
            random passphrase, for its owner alone.
        type: path
      common_name:
        description:
          - Name of the authority. Used, like the following options, only when it is created.
        type: str
        default: MongoDB authority
      organization:
        description:
          - Organization of the authority. Empty means none.
        type: str
        default: ""
      days:
        description:
          - Days that the authority is valid. No certificate outlasts it.
        type: int
        default: 3650
      key_type:
        description:
          - Type of its key.
        type: str
        choices: [ec-p256, rsa-3072]
        default: ec-p256
      permitted_names:
        description:
          - What the authority may issue certificates for, and no other whatever happens to its key - DNS names, each with all
            below it, and networks. Members need C(localhost), C(127.0.0.1/32) and C(::1/128) among them. Empty means
            everything.
          - Without a network, no certificate may hold an address.
        type: list
        elements: str
        default: []
      issuers:
        description:
          - Whether hosts may have certificates of the kind V(issuer).
        type: bool
        default: false
      intermediate:
        description:
          - An authority that O(authority) signs, and which then signs the certificates. It is created together with the first
            certificate, and signed again, with its key, when a third of its life is left.
          - Once it is there, C(ca.key) in O(authority.dir) may be kept elsewhere until then. Hosts trust O(authority) alone
            and present the intermediate's certificate with their own.
        type: dict
        suboptions:
          dir:
            description:
              - Folder for its key and certificate.
            type: path
            required: true
          common_name:
            description:
              - Its name. Used only when it is created or signed again.
            type: str
            default: MongoDB issuing authority
          days:
            description:
              - Days that it is valid. No certificate outlasts it.
            type: int
            default: 1825
          passphrase:
            description:
              - Passphrase of its key. Without this and the next option it is that of the authority.
            type: str
          passphrase_file:
            description:
              - File with the passphrase of its key, made like O(authority.passphrase_file).
            type: path
      successor:
        description:
          - Folder of the authority that is to take the place of this one. It is created, with the same options, when it is
            missing. Hosts trust both, and keep certificates that either has signed.
        type: path
      former:
        description:
          - Folder of the authority whose place this one takes. Hosts trust both, and certificates that the former one has
            signed are issued again by this one.
        type: path
      revoked:
        description:
          - What is to be refused from now on. Each entry is a serial number in hexadecimal, a certificate in PEM, or the path
            of one on the controller.
          - A revocation is kept in C(crl.pem) in the folder of the authority and never taken back, so an entry may leave this
            list. A revoked certificate that the task finds on a host is issued again.
          - Needs O(crl_file).
        type: list
        elements: str
      crl_days:
        description:
          - Days that a revocation list is valid. It is made anew when half of them are over. That of an authority with an
            O(authority.intermediate) lasts at least as long as the intermediate, because its key may be away.
          - Servers refuse B(every) certificate once the list has ended, so run the task at least twice in this time. A
            shorter time adds no safety, because a new list is brought to the hosts by the task and not fetched by them.
        type: int
        default: 365
  trusted:
    description:
      - Certificates, in PEM, of authorities that sign elsewhere. For each certificate that has to be issued, a request is
        returned in RV(certificates[].request), to be signed there and brought back in O(certificates[].certificate).
    type: str
  chain:
    description:
      - Certificates, in PEM, of the intermediate authorities between the certificates and O(trusted), nearest first. They are
        added to a certificate that is brought without them.
      - For use with O(trusted).
    type: str
  requests_dir:
    description:
      - Folder on the controller for the exchange with the authorities in O(trusted). A request is written there as
        C(HOST-NAME.csr), where HOST is the name in the inventory and NAME that of the file in O(certificates[].path) without
        its ending. An answer is taken from C(HOST-NAME.pem) beside it, as if it were in O(certificates[].certificate).
      - When a certificate nears its end a new request is written, and a warning names it until it is answered.
      - For use with O(trusted).
    type: path
  also_trust:
    description:
      - Further authorities that hosts trust, each as certificates in PEM, for example one that signs the certificates of
        applications. A certificate declared here that one of them has signed is issued again by the authority.
      - Whoever is trusted is believed in everything. One that could sign certificates of members, or for their names, is
        refused, unless O(also_trust_as_members) is true. Its name constraints rule that out by permitted directory names,
        each with an organization or a unit that the members have not, and by DNS names and addresses that exclude those of
        the members.
    type: list
    elements: str
    default: []
  also_trust_as_members:
    description:
      - Whether the authorities in O(also_trust) are trusted so far that they may sign for members, who have all rights, and
        for every user whom a certificate vouches for.
    type: bool
    default: false
  ca_file:
    description:
      - File on the host that receives the certificates of the trusted authorities, readable by all.
      - A host whose file trusts only another authority is refused, so that losing the folder of the authority does not
        quietly cut members off from each other.
    type: path
    required: true
  crl_file:
    description:
      - File on the host that receives the revocation lists, readable by all, for C(net.tls.CRLFile) of mongod.
      - A list that would shut everybody out is refused before anything is changed; so is one without a revocation that the
        host knows already, and with O(trusted) one that is older than the host's. Unset means that a file which is there stays.
    type: path
  crl:
    description:
      - Revocation lists, in PEM, of authorities that sign elsewhere. mongod needs one of each issuer, from the nearest up to
        the trusted authority, of each certificate that is presented to it.
      - Needs O(crl_file).
    type: str
  renew_before:
    description:
      - Renew a certificate when fewer than this number of days is left. V(third) means a third of its life.
    type: str
    default: third
  certificates:
    description:
      - The certificates to have. Others on the host are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - File on the host for the certificate, its chain and its private key, in the layout that mongod and clients read.
          - A file there that is not a certificate with its own key in clear is replaced, and kept beside under a name that
            ends in the time and C(~).
          - Its folder must belong to root or to the user who runs the task. One that is missing is made, with mode 0755.
        type: path
        required: true
      kind:
        description:
          - V(member) serves and connects to other members, V(client) only connects. V(backup) serves those who send backups, and
            connects. It needs an O(certificates[].organizational_unit) of its own, because its rights go beyond those of a
            client.
          - V(issuer) is an authority on the host, for the command V(certificates) of M(stronghold.mongodb.mongodb_program), which
            renews the other certificates of this task by it. It can vouch for their subjects and names and for nothing else.
            Give it few O(certificates[].days), because it cannot be revoked. It needs an authority that was created with
            O(authority.issuers), and no O(crl_file).
        type: str
        choices: [member, client, backup, issuer]
        required: true
      common_name:
        description:
          - Common name of the subject.
        type: str
        required: true
      organization:
        description:
          - Organization of the subject. Members of one cluster have organization and unit in common. MongoDB takes everyone
            with these two for a member, so a client or backup with the same two is refused.
        type: str
        required: true
      organizational_unit:
        description:
          - Organizational unit of the subject. Empty means none.
        type: str
        default: ""
      names:
        description:
          - DNS names and IP addresses for which the certificate is valid. A member needs each by which it is reached.
        type: list
        elements: str
        default: []
      days:
        description:
          - Days that the certificate is valid, from the time of issue. The start is set back by five minutes, because the
            clocks of hosts differ.
        type: int
        default: 365
      key_type:
        description:
          - Type of its key.
        type: str
        choices: [ec-p256, rsa-3072]
        default: ec-p256
      owner:
        description:
          - User, by name or number, that owns the file. Unset means as it is.
        type: str
      group:
        description:
          - Group, by name or number, of the file. Unset means as it is.
        type: str
      mode:
        description:
          - Mode of the file, an octal number in quotes, within V(0660).
        type: str
        default: "0600"
      certificate:
        description:
          - The certificate, in PEM, that was signed elsewhere for the request of this host, followed by its chain. It is
            refused, with the reason, if it is not what the other options declare.
          - For use with O(trusted).
        type: str
      source:
        description:
          - Ready files on the host, for use with O(trusted). They are judged, and refused with the reason, before anything is
            touched, and stay where they are. The file in O(certificates[].path) is made from them.
        type: dict
        suboptions:
          certificate:
            description:
              - The certificate, which its chain and its key may follow.
            type: path
            required: true
          key:
            description:
              - Its private key, in clear. Unset means that it is in the file of the certificate.
            type: path
          chain:
            description:
              - Certificates of the intermediates, nearest first.
            type: path
seealso:
  - name: Use x.509 certificates for membership authentication
    description: What MongoDB demands of the certificates of members.
    link: https://www.mongodb.com/docs/v6.0/tutorial/configure-x509-member-authentication/
"""

EXAMPLES = r"""
- name: Certificates of a database host
  stronghold.mongodb.mongodb_tls:
    authority:
      dir: ~/.stronghold/orders/authority
      passphrase: "{{ vault_authority_passphrase }}"
    ca_file: /etc/stronghold/tls/ca.pem
    certificates:
      - path: /etc/stronghold/tls/member.pem
        kind: member
        common_name: db-a.example.com
        organization: orders
        organizational_unit: members
        names: [db-a.example.com, 192.0.2.11, localhost, 127.0.0.1]
        owner: mongodb
        group: mongodb
      - path: /etc/stronghold/tls/client.pem
        kind: client
        common_name: db-a.example.com
        organization: orders
        organizational_unit: clients

- name: Request a certificate from the company's authority
  stronghold.mongodb.mongodb_tls:
    trusted: "{{ lookup('ansible.builtin.file', 'company-ca.pem') }}"
    ca_file: /etc/stronghold/tls/ca.pem
    certificates:
      - path: /etc/stronghold/tls/reports.pem
        kind: client
        common_name: reports
        organization: orders
        organizational_unit: clients
  register: requested

- name: Exchange requests and answers with the company's authority in a folder
  stronghold.mongodb.mongodb_tls:
    trusted: "{{ lookup('ansible.builtin.file', 'company-ca.pem') }}"
    requests_dir: ~/.stronghold/orders/requests
    ca_file: /etc/stronghold/tls/ca.pem
    certificates:
      - path: /etc/stronghold/tls/reports.pem
        kind: client
        common_name: reports
        organization: orders
        organizational_unit: clients

- name: Take a certificate that the company's own tools put on the host
  stronghold.mongodb.mongodb_tls:
    mode: external
    trusted: "{{ lookup('ansible.builtin.file', 'company-ca.pem') }}"
    ca_file: /etc/stronghold/tls/ca.pem
    certificates:
      - path: /etc/stronghold/tls/member.pem
        kind: member
        common_name: db-a.example.com
        organization: orders
        names: [db-a.example.com]
        source:
          certificate: /etc/pki/tls/certs/db-a.crt
          key: /etc/pki/tls/private/db-a.key
          chain: /etc/pki/tls/certs/company-chain.crt
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, one sentence each.
  returned: always
  type: list
  elements: str
  sample:
    - "issue the member certificate /etc/stronghold/tls/member.pem: it expires in 20 days, on 2027-01-31T10:00:00Z"
authority:
  description: The authority of O(authority). Its fields are null in check mode as long as it does not exist.
  returned: when O(authority) is given
  type: dict
  contains:
    subject:
      description: Its subject by RFC 2253.
      type: str
      sample: CN=MongoDB authority,O=orders
    serial:
      description: Its serial number in hexadecimal.
      type: str
    fingerprint:
      description: SHA-256 of the certificate in hexadecimal.
      type: str
    not_before:
      description: First moment of its validity, in UTC.
      type: str
    not_after:
      description: Last moment of its validity, in UTC.
      type: str
    days_left:
      description: Whole days until then.
      type: int
intermediate:
  description: The intermediate of O(authority.intermediate), with the fields of RV(authority).
  returned: when O(authority.intermediate) is given
  type: dict
clock:
  description: The host's clock when it looked, in UTC.
  returned: success
  type: str
certificates:
  description: The declared certificates, in order, as they are after the task.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: File on the host.
      type: str
    kind:
      description: Kind as declared.
      type: str
    subject:
      description: Subject by RFC 2253, which for a client is its user name in the database C($external).
      type: str
      sample: CN=db-a.example.com,OU=clients,O=orders
    names:
      description: DNS names and addresses.
      type: list
      elements: str
    issued:
      description: Whether it was issued, or in check mode would be.
      type: bool
    reasons:
      description: Why it was issued.
      type: list
      elements: str
      sample: ["it is not valid for 192.0.2.11"]
    serial:
      description: Serial number in hexadecimal. Null, like the following ones, as long as it is not issued.
      type: str
    fingerprint:
      description: SHA-256 of the certificate in hexadecimal.
      type: str
    not_before:
      description: First moment of its validity, in UTC.
      type: str
    not_after:
      description: Last moment of its validity, in UTC.
      type: str
      sample: "2027-11-22T10:00:00Z"
    days_left:
      description: Whole days until then.
      type: int
    request:
      description: Certificate signing request in PEM, for the key that waits on the host. In check mode null before there is one.
      returned: with O(trusted), when the certificate has to be issued and was not brought
      type: str
    request_file:
      description: File on the controller with the request.
      returned: together with RV(certificates[].request), with O(requests_dir)
      type: str
    usable:
      description: Whether the certificate that is there serves until then.
      returned: together with RV(certificates[].request)
      type: bool
"""

import platform
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import library, pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import (
    RELATIONS,
    argument_spec,
    wanted_certificates,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.host import Host, plan_host
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.trust import require_confined

T = TypeVar("T")


def main() -> None:
    module = accept(argument_spec(), supports_check_mode=True, **RELATIONS)
    with ExitStack() as stack:
        with funnel(module):
            host = _planned(module, stack)
        finish(module, host.plan, certificates=host.results, clock=moments.text(host.now))


def _planned(module: AnsibleModule, stack: ExitStack) -> Host:
    params: dict[str, Any] = module.params
    name = platform.node()
    problem = library.problem()
    if problem:
        raise StrongholdError(
            name,
            "manage certificates",
            problem,
            "install it for the interpreter that runs this module (ansible_python_interpreter)",
        )
    wanted = wanted_certificates(params, name)
    ca_file = Path(params["ca_file"])
    crl_file = Path(params["crl_file"]) if params["crl_file"] else None
    folders = {path.parent for path in (ca_file, crl_file, *(item.path for item in wanted)) if path}
    for folder in sorted(folders):
        if not files.nearest(folder).is_dir():
            reason, remedy = f"{files.nearest(folder)} is not a folder", "remove it or choose another path"
            raise StrongholdError(name, f"write into {folder}", reason, remedy)
    if not module.check_mode:
        stack.enter_context(locks.held(locks.CERTIFICATES, name, "manage certificates", locks.MODULE_TIMEOUT))
    also = _parsed(pem.read_certificates, "".join(params["also_trust"]), "the authorities in also_trust", name)
    if not params["also_trust_as_members"]:
        require_confined(also, wanted, name)
    host = Host(
        name,
        datetime.now(timezone.utc),
        _parsed(pem.read_certificates, params["trusted"], "the authorities in trusted", name),
        module.check_mode,
        also=also,
        external=params["mode"] != "private",
        chain=_parsed(pem.read_certificates, params["chain"], "the intermediates in chain", name),
        lists=_parsed(pem.read_lists, params["crl"], "the revocation lists in crl", name),
    )
    plan_host(host, wanted, [entry["certificate"] for entry in params["certificates"]], ca_file, crl_file)
    return host


def _parsed(read: Callable[[bytes], tuple[T, ...]], text: str | None, what: str, name: str) -> tuple[T, ...]:
    """Nothing at all means that an authority is made only when the first request is signed."""
    try:
        return read(text.encode()) if text else ()
    except pem.PemError as error:
        raise StrongholdError(name, f"use {what}", str(error), "give it in PEM") from error


if __name__ == "__main__":
    main()
