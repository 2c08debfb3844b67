# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program as one file: what it imports, as sources and as bytecode of this Python, in a zip archive that runs (``zipapp``).

The sources are those of the modules loaded here, so what runs on a host by itself is what ran there for Ansible. Equal sources
have an equal ``digest``, on a controller of any Python too. The bytecode is never compared with the sources when it is loaded
(PEP 552, unchecked): a record beside the archive tells whether it is as it was built. Another Python than the one that built it
takes the sources.

PRIVATE to the collection.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import marshal
import platform
import zipfile
from collections.abc import Iterator, Mapping

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import program

UTILS = "ansible_collections.stronghold.mongodb.plugins.module_utils"
ENTRY = program.__name__  # imported, so that Ansible sends it with the module
MAIN = f"from {ENTRY} import run\n\nrun()\n"
OLDEST = (1980, 1, 1, 0, 0, 0)  # of zip's calendar: the archive does not tell when it was made
UNCHECKED_HASH = 0b01  # PEP 552


def digest() -> str:
    """SHA-256, in hexadecimal, of what a program is built from and by. Raises StrongholdError."""
    found = hashlib.sha256()
    for name, text in sorted({**files(), "by": _source(__name__)}.items()):
        found.update(f"{name} {len(text.encode())}\n{text}".encode())
    return found.hexdigest()


def build(python: str) -> bytes:
    """The program for this interpreter, which has the path ``python``. Raises StrongholdError."""
    return f"#!{python} -I\n".encode() + _archive(files())


def files() -> dict[str, str]:
    """Path in the archive -> source."""
    found = {"__main__.py": MAIN}
    for name, source in sources(ENTRY).items():
        parts = name.split(".")
        found.update({f"{'/'.join(parts[:depth])}/__init__.py": "" for depth in range(1, len(parts))})
        found[f"{'/'.join(parts)}.py"] = source
    return found


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


def _bytecode(path: str, source: str) -> bytes:
    """A file ``.pyc``: magic number, flags, hash of the source, code (PEP 552)."""
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little")
    return head + importlib.util.source_hash(source.encode()) + marshal.dumps(code)


def _archive(texts: Mapping[str, str]) -> bytes:
    held = {path: text.encode() for path, text in texts.items()}
    held.update({f"{path}c": _bytecode(path, text) for path, text in texts.items()})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(held):
            entry = zipfile.ZipInfo(path, OLDEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, held[path])
    return stream.getvalue()
