# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for servers and clients on loopback; hosts in network namespaces of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration import namespaces, ports, rotating

from lab.repetitions import pytest_collection_modifyitems  # noqa: F401  a hook


def pytest_configure() -> None:
    ports.reserve()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority (ca.crt), a server of 127.0.0.1 (server.pem) and the client CN=app,O=Example (app.pem)."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *fresh, "-days", "2", "-subj", "/CN=lab authority", "-keyout", "ca.key", "-out", "ca.crt")
    for name, subject, extensions in (
        ("server", "/O=lab/CN=server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth"),
        ("app", "/O=Example/CN=app", "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extensions)
        openssl("req", *fresh, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[namespaces.Net]:
    if os.geteuid() != 0 or not shutil.which("nft", path="/usr/sbin:/usr/bin"):
        pytest.skip("needs root and nftables")
    with namespaces.world(tmp_path_factory.mktemp("overlay")) as net:
        yield net


@pytest.fixture
def net(world: namespaces.Net) -> namespaces.Net:
    """A database host as before its first declaration."""
    world.db.nft("flush", "ruleset")
    world.db.sh("rm -rf /etc/stronghold /run/stronghold")
    return world


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rotating.Cluster]:
    with rotating.cluster(tmp_path_factory.mktemp("rotation"), ports.first(request.path)) as made:
        yield made


@pytest.fixture
def members(cluster: rotating.Cluster) -> list[rotating.Member]:
    """All healthy, the primary last, nothing to do for any."""
    return cluster.ready()
