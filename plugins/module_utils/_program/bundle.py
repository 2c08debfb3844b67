# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program as one file: the sources of what it imports, in a zip archive that a Python runs (``zipapp``).

The sources are those of the modules loaded here, so what runs on a host by itself is what ran there for Ansible. Equal sources
make equal bytes.

PRIVATE to the collection.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import platform
import zipfile
from collections.abc import Iterator, Mapping

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

UTILS = "ansible_collections.stronghold.mongodb.plugins.module_utils"
ENTRY = f"{UTILS}._program.program"
MAIN = f"from {ENTRY} import run\n\nrun()\n"
OLDEST = (1980, 1, 1, 0, 0, 0)  # of zip's calendar: the archive does not tell when it was made


def build(python: str) -> bytes:
    """The program for the interpreter with the path ``python``. Raises StrongholdError."""
    files = {"__main__.py": MAIN}
    for name, source in sources(ENTRY).items():
        parts = name.split(".")
        files.update({f"{'/'.join(parts[:depth])}/__init__.py": "" for depth in range(1, len(parts))})
        files[f"{'/'.join(parts)}.py"] = source
    return f"#!{python} -I\n".encode() + _archive(files)


def sources(entry: str) -> dict[str, str]:
    """Module -> source of ``entry`` and of all in this collection that it needs."""
    found: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _source(name)
            waiting += _imported(found[name])
    return found


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(UTILS):
            module = str(node.module)
            names = [f"{module}.{alias.name}" for alias in node.names]
            yield from [name for name in names if _is_module(name)] or [module]


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what should contain it is no package
        return False


def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    get_source = getattr(spec and spec.loader, "get_source", None)  # of importlib.abc.InspectLoader, which zipimport is not
    source = get_source(name) if get_source else None
    if source is None:
        reason, remedy = f"the source of {name} is not at hand", "install the collection with its sources"
        raise StrongholdError(platform.node(), "build the program", reason, remedy)
    return source.decode() if isinstance(source, bytes) else str(source)  # bytes from Ansible's own loader, at the controller


def _archive(files: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return stream.getvalue()
