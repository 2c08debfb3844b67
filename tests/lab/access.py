# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person's way into a converged fleet: the operator's certificate, the administrator's password, verified TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymongo

from lab.fleet import Fleet, Host, ssh
from lab.shell import run

ADMIN = "admin"


def secrets(fleet: Fleet) -> Path:
    """Where the collection keeps what it generated for this fleet."""
    return fleet.home / "inventory" / ".stronghold" / str(fleet.vars["mongodb_cluster_name"])


def tls_options(fleet: Fleet) -> dict[str, str]:
    return {
        "tlsCAFile": str(secrets(fleet) / "authority" / "ca.pem"),
        "tlsCertificateKeyFile": str(fleet.home / "operator.pem"),
    }


def password(fleet: Fleet) -> str:
    supplied = fleet.vars.get("mongodb_cluster_admin_password")
    return str(supplied or (secrets(fleet) / "admin_password").read_text().strip())


def members(fleet: Fleet) -> list[Host]:
    return [host for host in fleet.hosts if host.group == "mongodb"]


def port(fleet: Fleet) -> int:
    return int(fleet.vars.get("mongodb_cluster_port", 27017))


def client(fleet: Fleet, host: Host, *, log_in: bool = True, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
    """A direct, verified connection to one member, as the administrator unless told otherwise."""
    if log_in:
        options = {"username": ADMIN, "password": password(fleet), **options}
    settings = {"directConnection": True, "serverSelectionTimeoutMS": 5000, "tls": True, **tls_options(fleet), **options}
    return pymongo.MongoClient(host.address, port(fleet), **settings)


def admit(fleet: Fleet, name: str, login: str) -> None:
    """Let ``login``, who is not root, into a host with the fleet's key, and become root there by sudo."""
    ssh(
        fleet,
        name,
        # A run that was killed leaves its apt-get on the host, which holds both locks until it is done.
        "for _ in $(seq 120); do apt-get -qq update 2>/dev/null && break; sleep 1; done && DEBIAN_FRONTEND=noninteractive "
        "apt-get -qq -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends sudo >/dev/null && "
        f"useradd --create-home --shell /bin/sh {login} && install -D -m 600 -o {login} /root/.ssh/authorized_keys "
        f"~{login}/.ssh/authorized_keys && chown -R {login} ~{login}/.ssh && chmod 700 ~{login}/.ssh && "
        f"echo '{login} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{login}",
    )


def issue_operator(fleet: Fleet) -> None:
    """Issue the certificate with which a person at this machine connects."""
    playbook = Path(__file__).with_name("operator.yml")
    run("ansible-playbook", "-i", fleet.home / "inventory" / "hosts.yml", "-e", f"home={fleet.home}", playbook)
