# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian packages of the vendor's names and layout, built from the real binaries."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.binaries import WHEELS, mongod_tree
from lab.shell import CACHE, progress, run

TEMPLATES = Path(__file__).parent / "package"
PRIVATE_LIBRARIES = "usr/lib/mongodb-org-server"

CONTROL = """\
Package: mongodb-org-server
Version: {version}
Architecture: amd64
Maintainer: stronghold.mongodb lab <lab@invalid>
Depends: adduser, libc6, libcurl4, libgcc-s1, liblzma5
Section: database
Priority: optional
Description: MongoDB database server, packaged for the lab
 A real mongod in the layout of the vendor's package.
"""


def recipe() -> str:
    """Digest of all that shapes the packages, so that a change of it makes new ones."""
    files = [Path(__file__), *sorted(TEMPLATES.iterdir())]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def server_package(version: str) -> Path:
    """The .deb of mongodb-org-server ``version``; made once, then cached."""
    target = CACHE / "packages" / recipe() / f"mongodb-org-server_{version}_amd64.deb"
    if target.exists():
        return target
    tree = mongod_tree(version)
    progress(f"packaging mongodb-org-server {version}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as scratch:
        root = Path(scratch) / "root"
        _install(tree / "bin" / "mongod", root / "usr/bin/mongod", 0o755)
        if WHEELS[version].needs_openssl_11:
            for library in (tree / "lib").iterdir():
                _install(library, root / PRIVATE_LIBRARIES / library.name, 0o644)
            run("patchelf", "--set-rpath", f"/{PRIVATE_LIBRARIES}", root / "usr/bin/mongod")
        _install(TEMPLATES / "mongod.service", root / "lib/systemd/system/mongod.service", 0o644)
        _install(TEMPLATES / "mongod.conf", root / "etc/mongod.conf", 0o644)
        _install(TEMPLATES / "postinst", root / "DEBIAN/postinst", 0o755)
        (root / "DEBIAN/control").write_text(CONTROL.format(version=version))
        (root / "DEBIAN/conffiles").write_text("/etc/mongod.conf\n")
        staged = Path(scratch) / "package.deb"
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, staged)
        staged.rename(target)
    return target


def _install(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
