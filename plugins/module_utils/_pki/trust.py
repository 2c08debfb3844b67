# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far an authority of others is trusted: whether it could sign for members, or for the servers' names. Pure.

To trust an authority is to believe whatever it signs. mongod takes everybody for a member, with all rights, who has the same
organizations, units and domain components as its own certificate, in any order and no more of them (``canonicalizeClusterDN`` of
its sources). Name constraints (RFC 5280, 4.2.1.10), which OpenSSL enforces in trusted certificates too, can rule that out: a
permitted directory name is the beginning of every subject. An excluded one proves nothing, as a subject may begin with something
else and go on with it.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Permitted, Subject, rfc2253

with suppress(ImportError):
    from cryptography import x509
    from cryptography.x509.oid import NameOID


def require_confined(authorities: Sequence[x509.Certificate], wanted: Iterable[Wanted], host: str) -> None:
    """Raises StrongholdError for an authority that could sign for the members among ``wanted``."""
    members = [item for item in wanted if item.kind == "member"]
    for authority in authorities:
        issuers = [authority, *(other for other in authorities if other.subject == authority.issuer)]
        reasons = [list(overreach(_constraints(issuer), members)) for issuer in issuers]
        if all(reasons):
            raise StrongholdError(
                host,
                f"trust {rfc2253(authority.subject)}",
                f"it could sign certificates {' and '.join(reasons[0])}, and whoever has one would be taken for that",
                "have it limited by name constraints, or say with also_trust_as_members that it is trusted so far",
            )


def overreach(constraints: x509.NameConstraints | None, members: Sequence[Wanted]) -> Iterable[str]:
    """What of the members an authority with these constraints could sign for, as ends of a sentence."""
    subjects = dict.fromkeys(item.subject for item in members)
    if any(not _rules_out(constraints, subject) for subject in subjects):
        yield "of members"
    names = dict.fromkeys(name for item in members for name in item.names)
    open_to = [name for name in names if not _rules_out_name(constraints, name)]
    if open_to:
        yield f"for the servers' name {open_to[0]}"


def _constraints(authority: x509.Certificate) -> x509.NameConstraints | None:
    try:
        return authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def _rules_out(constraints: x509.NameConstraints | None, subject: Subject) -> bool:
    """Whether each subject that is permitted has an organization, a unit or a domain component that the members have not."""
    trees = [
        tree.value for tree in (constraints and constraints.permitted_subtrees) or [] if isinstance(tree, x509.DirectoryName)
    ]
    return bool(trees) and all(_differs(tree, subject) for tree in trees)


def _differs(tree: x509.Name, subject: Subject) -> bool:
    has = {
        NameOID.ORGANIZATION_NAME: subject.organization,
        NameOID.ORGANIZATIONAL_UNIT_NAME: subject.organizational_unit,
        NameOID.DOMAIN_COMPONENT: "",
    }
    return any(_plain(str(item.value)) != _plain(has[item.oid]) for item in tree if item.oid in has)


def _plain(text: str) -> str:
    """As RFC 5280, 7.1, compares attributes."""
    return " ".join(text.casefold().split())


def _rules_out_name(constraints: x509.NameConstraints | None, name: str) -> bool:
    if constraints is None:
        return False
    excluded = Permitted.of_trees(constraints.excluded_subtrees)
    if all(excluded.covers(spelling) for spelling in _spellings(name)):
        return True
    permitted = Permitted.of_trees(constraints.permitted_subtrees)
    limited = permitted.networks if _is_address(name) else permitted.domains
    return bool(limited) and not permitted.covers(name)


def _spellings(name: str) -> list[str]:
    """The name, and the wildcard that stands for it."""
    parent = name.partition(".")[2]
    return [name, f"*.{parent}"] if "." in parent and not _is_address(name) else [name]


def _is_address(name: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return False
