#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_program
short_description: Have commands of the collection run on the host by themselves
version_added: 0.1.0
description:
  - Installs one program, made of the very code that the modules run, and for each of O(commands) its settings and the
    systemd units that run it, as one plan in one task. Commands that are not listed stay as they are.
  - The program needs no Ansible. It runs with the Python that runs this module, and holds bytecode for it.
  - Beside the settings, C(program.json) records what the program was made of. A program that was altered, or written by
    halves, does not agree with it and is replaced.
  - This module does not connect.
author:
  - The stronghold.mongodb maintainers (@stronghold-mongodb)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
options:
  commands:
    description:
      - What to run, and what to run no more.
    type: list
    elements: dict
    required: true
    suboptions:
      command:
        description:
          - V(expiry) removes accounts whose C(valid_until) has passed, on the primary, and ends their sessions on all
            members. On its
            own member it also ends operations of accounts that do not exist any more, whoever dropped them. What it did is one
            line of output for each account.
          - Each host remembers the ends that it saw, in C(/var/lib/stronghold/expiry), for root alone. One that was moved back or
            taken away while the account could have done that itself does not count, which is a line of output, too.
          - Its account needs the actions C(viewUser) and C(dropUser) on every database, and on the cluster C(viewUser),
            C(killAnySession), C(inprog), C(killop) and C(replSetGetConfig).
          - V(allowlist) keeps the rules of M(stronghold.mongodb.mongodb_allowlist) as they were declared. It puts back what
            another
            tool flushed, deleted or altered, and takes out entries that have expired. What it did is one line of output. It logs
            in nowhere.
          - V(certificates) judges the certificates, authorities and revocation lists of its O(commands[].settings) as
            M(stronghold.mongodb.mongodb_tls_info) does, and tells of each in one line. It fails, one sentence for each,
            where one is near its end, would be refused, or is not the one that the running server presents.
          - V(logs) has logrotate rename, compress and remove the logs of a server with C(systemLog.logRotate=reopen), which it
            tells to open them again. No line is lost, whenever it is interrupted. Then it measures the room on the file systems
            to which the server writes.
          - V(backup) takes a backup of all databases into a repository of restic, from a hidden member, else a secondary, else
            the primary; it checks the repository, once a week it reads a whole backup, and it drops those that no rule keeps.
            People ask it for C(list), C(status), C(run) and C(verify). Its account needs the actions C(find), C(listCollections),
            C(listIndexes) and C(dbStats) on C(anyResource), and on the cluster C(listDatabases), C(serverStatus),
            C(replSetGetConfig) and C(replSetGetStatus).
          - V(notices) never ends. It has V(allowlist), which is to be there too, look as soon as the kernel tells that somebody
            changed its rules in nf_tables.
          - V(drill) restores a backup once a week into a server of its own, in memory or in the folder C(scratch), replays the
            archived oplog to the time of the next backup, and compares with that one. People ask it for C(run) and C(status).
          - V(offsite) copies the backups and the archived oplog into repositories elsewhere. People ask it for C(run) and
            C(status).
          - V(inbox) never ends. It lets members send copies of their files, each into a repository of its own, which it
            serves while that is within its quota and the disk has room, to who has a certificate of C(ca_file) and the name
            and the password of the inbox. What was sent can be read there and neither altered nor removed.
          - V(intake), once an hour, takes what is in the inboxes into a vault that no member reaches, unless it is no backup
            of the member that it came from, or more than four of one within a day. An inbox that is half full, or in which
            something strange is, is made anew. The vault is checked every day, the newest copy of each member read as a whole
            every week, and old ones are dropped for each member by itself. People ask it for C(list), C(run) and C(status).
          - V(oplog) never ends. It reads what a majority of the set has written, keeps it in memory below C(/run/stronghold), and
            stores it in a repository of restic every minute. Where it finds that something is missing, it has V(backup) take a
            new one. C(status) tells people how far it is. Its account needs no more than that of V(backup).
          - V(physical) saves the files of the server of this host into repositories of restic, while the server is locked, where
            this is the member of its set that is missed least. All members tell that from the state of the set. It never locks a
            member without which there would be no majority. When its service ends, however, the server is unlocked. People ask it
            for C(run) and C(status). Its account needs C(find) on C(local.oplog.rs) and on C(admin.system.version), and on the
            cluster C(fsync), C(unlock), C(getCmdLineOpts), C(replSetGetConfig), C(replSetGetStatus) and C(serverStatus).
        type: str
        choices: [allowlist, backup, certificates, drill, expiry, inbox, intake, logs, notices, offsite, oplog, physical]
        required: true
      state:
        description:
          - V(absent) stops the command, and removes its units, its settings and what it wrote that would grow old. The
            program stays.
        type: str
        choices: [present, absent]
        default: present
      settings:
        description:
          - Of V(expiry) C(protected), the names of accounts, such as V(admin@admin), that it never removes, whatever is
            written into them.
          - What the commands V(certificates) and V(logs) look at. It is kept in a file for root alone, and has no place for
            secrets.
          - The options C(ca_file), C(crl_file), C(certificates), C(servers), C(renew_before) and C(timeout) of
            M(stronghold.mongodb.mongodb_tls_info). Each server needs the C(path) of one of the certificates.
          - C(metrics_file), where wanted, is a file that receives metrics for the textfile collector of Prometheus' node
            exporter. Its directory must exist.
          - What the command V(logs) keeps up, a list C(logs), each with C(path), C(max_mb), to which it grows about, how many
            former ones to C(keep), and after how many C(days) they go; C(user) and C(group), whose they are; the C(service),
            by default V(mongod); C(paths) to which it writes; and C(metrics_file).
          - V(allowlist) and V(notices) have no settings.
        type: dict
        default: {}
      login:
        description:
          - What the command logs in with, if it does. It is kept in its settings, a file for root alone.
        type: dict
        suboptions:
          login_host:
            description:
              - Name or address of the one server to connect to, as seen from the host on which the module runs. A port may
                follow it, as in C(db-a.example.org:27017) or C([2001:db8::1]:27017). It is no connection string.
            type: str
            default: localhost
          login_port:
            description:
              - Port of the server. Unset means the one in O(commands[].login.login_host), and where there is none V(27017).
            type: int
          login_user:
            description:
              - Account to log in with. Unset means that no login is made, or with O(commands[].login.auth_mechanism=MONGODB-X509)
                that the server takes the name from the client certificate.
            type: str
          login_password:
            description:
              - Password of O(commands[].login.login_user).
            type: str
          login_database:
            description:
              - Database in which O(commands[].login.login_user) is defined.
            type: str
            default: admin
          replica_set:
            description:
              - Name of the replica set. When set, the primary is found through O(commands[].login.login_host); otherwise the
                module talks to O(commands[].login.login_host) alone.
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
              - Password of the private key in O(commands[].login.tls_certificate_key_file).
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
      service:
        description:
          - The systemd unit C(stronghold-COMMAND.service), which runs O(program_file) with the name of the command. Beyond
            what is given here it may do nothing. Needed with O(commands[].state=present).
        type: dict
        suboptions:
          description:
            description: What the command does, in one line. It is the description of the timer, too.
            type: str
            required: true
          kind:
            description: Type of the service, in the terms of C(systemd.service). What never ends is no V(oneshot).
            type: str
            choices: [oneshot, exec, notify]
            default: oneshot
          timeout:
            description: Seconds that a run of a V(oneshot) may take, and the start of another kind.
            type: int
            default: 40
          user:
            description: Account that it runs as. Unset means root, without the capabilities that are not listed.
            type: str
          on_failure:
            description: Unit that is started where this one fails, in the terms of C(OnFailure=); C(%n) in it is this one's name.
            type: str
          background:
            description: Whether others come first where processor, disk or memory are short.
            type: bool
            default: false
          volumes:
            description:
              - Whether it makes snapshots of logical volumes, and mounts them where it alone sees them.
              - That needs C(CAP_SYS_ADMIN) and all block devices, so that little is refused to it then.
            type: bool
            default: false
          restart:
            description: When it is started again, in the terms of C(systemd.service).
            type: str
            choices: ["no", on-failure, always]
          limits:
            description: Resource limits, by their names in C(systemd.exec) without C(Limit), for example C(NOFILE).
            type: dict
            default: {}
          after:
            description: Units that it starts after.
            type: list
            elements: str
            default: []
          writes:
            description: Absolute paths that it may write to. One that is missing is made, or, with a C(-) in front, left out.
            type: list
            elements: str
            default: []
          state:
            description: Directories below C(/var/lib) that it may write to, which systemd makes.
            type: list
            elements: str
            default: []
          capabilities:
            description: Capabilities that it has, for example C(CAP_NET_ADMIN).
            type: list
            elements: str
            default: []
          families:
            description: Address families of its sockets, for example C(AF_UNIX).
            type: list
            elements: str
            default: []
          peers:
            description: Addresses or networks, the only ones that it exchanges packets with. Without any it may with all.
            type: list
            elements: str
            default: []
          devices:
            description: Device nodes that it may read and write. Without any it sees none but those such as C(/dev/null).
            type: list
            elements: str
            default: []
          memory:
            description: Absolute paths of folders that it alone sees, in memory. Each takes up to half of what the host has.
            type: list
            elements: str
            default: []
      timer:
        description:
          - The systemd unit C(stronghold-COMMAND.timer). It is started, now and at boot. Needed with O(commands[].state=present)
            for a command that ends. One that does not has none; its service is started then, and started anew when it changes.
        type: dict
        suboptions:
          calendar:
            description: When the command runs, in the terms of C(systemd.time).
            type: str
            required: true
          spread:
            description: Seconds by which a run may be late, at random, so that hosts do not run at once.
            type: int
            default: 0
          boot:
            description: How long after boot it runs, too, for example V(5min). A run that was missed is then made up for.
            type: str
  program_file:
    description:
      - Path of the program. It serves all commands.
    type: path
    default: /opt/stronghold/bin/stronghold
  config_directory:
    description:
      - Directory of the settings, C(COMMAND.json).
    type: path
    default: /etc/stronghold
  unit_directory:
    description:
      - Directory of the units.
    type: path
    default: /etc/systemd/system
requirements:
  - pymongo >= 4.6 on the host that runs the module, for a command that logs in (the role P(stronghold.mongodb.mongodb_host#role)
    provides it)
seealso:
  - module: stronghold.mongodb.mongodb_user
  - module: stronghold.mongodb.mongodb_tls_info
"""

EXAMPLES = r"""
- name: Remove expired accounts every half minute, and look at the certificates every day and at boot
  stronghold.mongodb.mongodb_program:
    commands:
      - command: expiry
        login:
          login_user: stronghold_expiry
          login_password: "{{ expiry_password }}"
        settings:
          protected: [admin@admin, stronghold_expiry@admin]
        service:
          description: Removal of expired MongoDB accounts
          after: [mongod.service]
          families: [AF_INET, AF_INET6, AF_UNIX]
        timer:
          calendar: "*:*:0/30"
      - command: certificates
        settings:
          ca_file: /etc/stronghold/tls/ca.pem
          certificates:
            - path: /etc/stronghold/tls/member.pem
              names: [db-a.example.com]
            - path: /etc/stronghold/tls/client.pem
              kind: client
          servers:
            - host: localhost
              path: /etc/stronghold/tls/member.pem
              certificate_key_file: /etc/stronghold/tls/client.pem
          metrics_file: /var/lib/prometheus/node-exporter/mongodb_certificates.prom
        service:
          description: Watch over the certificates of MongoDB
          capabilities: [CAP_DAC_READ_SEARCH]
          families: [AF_INET, AF_INET6, AF_UNIX]
          writes: [/var/lib/prometheus/node-exporter]
        timer:
          calendar: daily
          spread: 3600
          boot: 1min

- name: Leave the certificates to others
  stronghold.mongodb.mongodb_program:
    commands:
      - command: certificates
        state: absent
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, changed.
  type: list
  elements: str
  returned: success
  sample: [change /opt/stronghold/bin/stronghold]
applied:
  description: The part of RV(changes) that was carried out before the task failed.
  type: list
  elements: str
  returned: failure
"""

from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel, require_once
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.declaration import (
    PROGRAM,
    Declared,
    argument_spec,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installation import Places, plan_installation


def main() -> None:
    module = accept(
        argument_spec={
            "commands": {"type": "list", "elements": "dict", "required": True, "options": argument_spec()},
            "program_file": {"type": "path", "default": PROGRAM},
            "config_directory": {"type": "path", "default": "/etc/stronghold"},
            "unit_directory": {"type": "path", "default": "/etc/systemd/system"},
        },
        supports_check_mode=True,
    )
    params = module.params
    with funnel(module):
        require_once("commands", [entry["command"] for entry in params["commands"]])
        commands = [Declared.from_params(entry, params["program_file"]) for entry in params["commands"]]
        places = Places(*(Path(params[name]) for name in ("program_file", "config_directory", "unit_directory")))
        plan = plan_installation(commands, places)
    finish(module, plan)


if __name__ == "__main__":
    main()
