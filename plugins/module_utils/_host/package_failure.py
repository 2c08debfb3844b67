# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The essential line of a package manager's long answer, as one sentence with a remedy. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

LONGEST = 240

# The first pattern that matches any line decides, so the root causes stand before what follows from them.
_ERROR = re.compile(r"(E:|ERROR|Error|Unknown Error|dpkg: error)")
# What follows from an error that was told before.
_HOLLOW = re.compile(
    r"Errors were encountered while processing|E: Sub-process .* returned an error code|Error: Transaction failed"
)

REMEDIES = (
    (
        r"trying to overwrite|conflicts with file from package|conflicts between attempted installs",
        "remove the package or the file that is in the way and run again",
    ),
    (
        r"no space left|not enough free space|don't have enough free space|Disk quota",
        "free space on that file system and run again",
    ),
    (r"NO_PUBKEY|BADSIG|EXPKEYSIG|is not signed|Missing key|GPG check FAILED", "check the source's key and its fingerprint"),
    (r"hash sum mismatch|unexpected size", "let the source finish its update and run again"),
    (
        r"no installation candidate|^E: Version .* was not found|unable to locate package|no package .* available"
        r"|unable to find a match|no candidate|no matching distribution|could not find a version",
        "put it into the source or choose a release that is there",
    ),
    (
        r"could not get lock|is another process using it|unable to acquire",
        "wait for the other package manager to end and run again",
    ),
    (r"dpkg was interrupted", "run again, which finishes the interrupted installation"),
    (r"unmet dependencies|conflicting requests|nothing provides", "add the packages that it needs to the host's sources"),
    (
        r"could not resolve|temporary failure|connection refused|could not connect|cannot initiate|timed out|unreachable"
        r"|40[34] |failed to fetch",
        "check that the host reaches the source",
    ),
)


def sentence(result: Mapping[str, Any], host: str, attempt: str, source: str) -> str:
    """``host: could not ATTEMPT from SOURCE because REASON; REMEDY.`` out of the result of a failed task."""
    text = "\n".join(str(result.get(key) or "") for key in ("stderr", "msg", "module_stderr", "stdout"))
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    for pattern, remedy in REMEDIES:
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                return _phrase(host, attempt, source, line, remedy)
    errors = [*_errors(lines), *lines, "the package manager gave no reason"]
    return _phrase(host, attempt, source, errors[0], "mend that and run again")


def _errors(lines: Sequence[str]) -> Iterator[str]:
    """The lines that say why: where an error ends with a colon, the one after it."""
    for line, following in zip(lines, [*lines[1:], ""]):
        if _ERROR.match(line) and not _HOLLOW.match(line):
            yield following if line.endswith(":") and following else line


def _phrase(host: str, attempt: str, source: str, line: str, remedy: str) -> str:
    reason = re.sub(r"^'.*' failed: ", "", line)
    reason = re.sub(r"^((E|W|Err|ERROR|Error):\s*)+", "", reason)
    reason = re.sub(r"//[^/@\s]+@", "//", reason)
    if len(reason) > LONGEST:
        reason = reason[:LONGEST] + "..."
    return str(StrongholdError(host, f"{attempt} from {source}", reason, remedy))
