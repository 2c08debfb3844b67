# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command of the program is: a door to the engine, of which there is one in each file beside this one.

A door imports its subject only when it is opened, because some commands run twice a minute.

PRIVATE to the collection.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import unusable

S = TypeVar("S")
Tell = Callable[[str], object]
JSON = "--json"


def _nothing(_settings: Any) -> Sequence[Path]:
    return ()


@dataclass(frozen=True)
class Command(Generic[S]):
    """``stronghold NAME``.

    ``accept`` makes settings, a frozen dataclass of the subject, of what is in the command's file, which is JSON, or raises
    StrongholdError. ``run`` does the work: it tells what it did by a function, a line each, and returns what failed while the
    rest was done, or raises StrongholdError. A command that ``connects`` has ``login`` in its file, fields of ``Login``.
    ``libraries`` are the distributions that it needs besides Python. ``leaves`` are files that would grow old without it.
    ``state`` are folders below /var/lib that its service has besides those that are declared, its own first.
    ``verbs`` are what people ask of it, ``stronghold NAME VERB [WORD...]``: as ``run``, with the words behind the verb. Those in
    ``json`` take the word ``--json``, and tell one document then. ``afterwards`` is the verb, if any, that is run when its
    service has ended, however. One that is ``endless`` returns from ``run`` only to fail: it is a service that is started, and no
    timer runs it.
    """

    name: str
    run: Callable[[S, Tell], Sequence[StrongholdError]]
    accept: Callable[[Mapping[str, Any]], S]
    connects: bool = False
    libraries: tuple[str, ...] = ()
    leaves: Callable[[S], Sequence[Path]] = _nothing
    state: tuple[str, ...] = ()
    endless: bool = False
    json: tuple[str, ...] = ()
    verbs: Mapping[str, Callable[[S, Tell, Sequence[str]], Sequence[StrongholdError]]] = field(default_factory=dict)
    afterwards: str = ""

    @property
    def unit(self) -> str:
        """The name of its units, without what follows the dot."""
        return f"stronghold-{self.name}"

    def require_libraries(self) -> None:
        """Raises StrongholdError where this Python lacks one of them."""
        for library in self.libraries:
            if importlib.util.find_spec(library.lower()) is None:
                reason, remedy = f"{sys.executable} has no {library}", "apply stronghold.mongodb.mongodb_host"
                raise StrongholdError(platform.node(), f"run {self.name}", reason, remedy)


def no_settings(name: str) -> Callable[[Mapping[str, Any]], None]:
    """``accept`` of a command that has none."""

    def accept(found: Mapping[str, Any]) -> None:
        if found:
            raise unusable(name, ["it has none"])

    return accept


def metrics_of(settings: Any) -> Sequence[Path]:
    """``leaves`` of a command whose settings have a ``metrics_file``, a path or None, and that leaves nothing else."""
    return [Path(settings.metrics_file)] if settings.metrics_file else []


def told(found: tuple[Sequence[str], Sequence[str]], tell: Tell, attempt: str, remedy: str) -> list[StrongholdError]:
    """Tell the lines of a status, and return what is not well, of which ``found`` has clauses, as one failure of ``attempt``."""
    lines, reasons = found
    for line in lines:
        tell(line)
    return [StrongholdError(platform.node(), attempt, "; ".join(reasons), remedy)] if reasons else []
