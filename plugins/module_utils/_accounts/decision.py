# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared users against stored ones: the one command that leads from the second to the first. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import scram
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import (
    RESERVED,
    grant_of,
    is_expired,
    public,
    with_terms,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import EXTERNAL, Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.plain import plain
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.restrictions import comparable, require_addresses
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account, User
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import MASK


@dataclass(frozen=True)
class Step:
    """A change of one user: the database ``command`` that makes it, and what it means. ``command`` carries secrets.

    ``ends_sessions`` tells that what the account is doing has to end with it.
    """

    summary: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    command: Mapping[str, Any] = field(repr=False)
    ends_sessions: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do about one user: nothing when ``step`` is None. ``warning`` tells what could not be decided."""

    step: Step | None = None
    warning: str | None = None


@dataclass(frozen=True)
class Offer:
    """Mechanisms by which a server lets accounts log in; unless ``exact``, those among them that one account has."""

    mechanisms: frozenset[str]
    exact: bool = True


def decide(user: User, account: Account | None, host: str, now: datetime, offer: Offer | None = None) -> Decision:
    """Compare one user with its stored account (None: there is none). Raises ItemError for what cannot be done.

    ``offer`` is None where it is not known.
    """
    if not user.present or user_expired(user, now):
        return Decision(_drop(user, account)) if account else Decision()
    if user.database == EXTERNAL and user.password is not None:
        reason = "accounts of $external have no password in MongoDB"
        raise ItemError(host, f"set up {user.title}", reason, "leave the password out")
    require_addresses(user.restrictions, host, f"set up {user.title}")
    return _update(user, account, host, now, offer) if account else Decision(_create(user, host, now, offer))


def roles_to_limit(user: User, account: Account | None) -> frozenset[Key]:
    """The roles with which the account will be, where what is declared concerns an end: none of them may lift it."""
    limited = account is not None and grant_of(account.custom_data) is not None
    if not user.present or not (user.terms or (limited and (user.unlimited or user.roles is not None))):
        return frozenset()
    return (account.roles if account else frozenset()) if user.roles is None else user.roles


def require_end_holds(user: User, reasons: Sequence[str], host: str) -> None:
    """Raises ItemError for an account with an end that could lift it, for ``reasons`` of ``powers.lifts_end``.

    Its end cannot be taken away either: the hosts could not tell that from the account's own doing, and would keep to it.
    """
    if not reasons:
        return
    reason = f"an account with an end must not be able to lift it, and it {' and '.join(reasons)}"
    if user.unlimited:
        reason = f"the hosts keep to the end of an account that could lift it, and it {' and '.join(reasons)}"
    remedy = "drop it and make it anew without an end" if user.unlimited else "take that from its roles, or leave valid_until out"
    raise ItemError(host, f"set up {user.title}", reason, remedy)


def user_expired(user: User, now: datetime) -> bool:
    """Whether it is declared with a time that has passed, and so must not be there."""
    return user.present and user.terms is not None and is_expired(user.terms, now)


def password_matches(user: User, account: Account) -> bool | None:
    """Whether the declared password is the stored one; None when the server does not tell."""
    if user.password is None or account.credentials is None:
        return None
    return scram.matches(account.credentials, user.name, user.password)


def _create(user: User, host: str, now: datetime, offer: Offer | None) -> Step:
    command: dict[str, Any] = {"createUser": user.name, "roles": _role_documents(user.roles or frozenset())}
    if user.database != EXTERNAL:
        if user.password is None:
            raise ItemError(host, f"create {user.title}", "it does not exist and no password is given", "give its password")
        _require_usable(user, _new_mechanisms(user, host, offer), host)
        command["pwd"] = user.password
    if user.mechanisms is not None:
        command["mechanisms"] = sorted(user.mechanisms)
    if user.restrictions is not None:
        command["authenticationRestrictions"] = comparable(user.restrictions)
    custom_data = _custom_data(user, {}, now)
    if custom_data or user.custom_data is not None:
        command["customData"] = custom_data
    after = {**_declared(user, user.password is not None), **_shown_data(custom_data)}
    return Step(f"create {user.title}", None, after, command)


def _drop(user: User, account: Account) -> Step:
    grant = user.terms or grant_of(account.custom_data)
    because = f", whose time ended at {_shown(user.terms.valid_until)}" if user.present and user.terms else ""
    command = {"dropUser": user.name}
    return Step(f"drop {user.title}{because}", _stored(account), None, command, ends_sessions=grant is not None)


def _update(user: User, account: Account, host: str, now: datetime, offer: Offer | None) -> Decision:
    changes: dict[str, Any] = {}
    names: list[str] = []
    warning = None

    if user.password is not None and user.overwrite:
        same_password = password_matches(user, account)
        if same_password is None:
            warning = f"The server does not show the credentials of {user.title}, so its password was left as it is."
        elif not same_password:
            names.append("password")
            mechanisms = _kept_mechanisms(user, account, host, offer)
            if user.mechanisms is None and mechanisms != account.mechanisms:
                names.append("mechanisms")
            _require_usable(user, mechanisms, host)
            # Without mechanisms, updateUser derives credentials for all that the server offers.
            changes.update(pwd=user.password, mechanisms=sorted(mechanisms))
    if user.mechanisms is not None and user.mechanisms != account.mechanisms:
        _require_offered(user, host, offer)
        names.append("mechanisms")
        changes["mechanisms"] = sorted(user.mechanisms)
        if "pwd" not in changes and not user.mechanisms <= account.mechanisms:
            if not password_matches(user, account):
                reason = "credentials for a further mechanism are derived from the password, and its present one is not given"
                raise ItemError(host, f"add a mechanism to {user.title}", reason, "give the password")
            _require_usable(user, user.mechanisms, host)
            changes["pwd"] = user.password
    if user.roles is not None and user.roles != account.roles:
        names.append("roles")
        changes["roles"] = _role_documents(user.roles)
    if user.restrictions is not None and comparable(user.restrictions) != comparable(account.restrictions):
        names.append("authentication_restrictions")
        changes["authenticationRestrictions"] = comparable(user.restrictions)
    custom_data = _custom_data(user, account.custom_data, now)
    if custom_data != dict(account.custom_data):
        names.extend(_changed_data(custom_data, account.custom_data))
        changes["customData"] = custom_data

    if not names:
        return Decision(warning=warning)
    before = _stored(account)
    after = {**_base(account), **_declared(user, "password" in names), **_shown_data(custom_data)}
    after["mechanisms"] = changes.get("mechanisms", after["mechanisms"])
    step = Step(f"update {user.title}: {', '.join(names)}", before, after, {"updateUser": user.name, **changes})
    return Decision(step, warning)


def _new_mechanisms(user: User, host: str, offer: Offer | None) -> frozenset[str]:
    """Those for which a new account gets credentials. Raises ItemError where it could not log in."""
    if user.mechanisms is not None:
        _require_offered(user, host, offer)
        return user.mechanisms
    if offer is None or not offer.exact:
        return frozenset({scram.SHA_256})
    if not offer.mechanisms & set(scram.STRONGEST_FIRST):
        reason = f"the server lets nobody log in with a password; it offers {_listed(offer.mechanisms)} alone"
        raise ItemError(host, f"create {user.title}", reason, _OFFER_IT)
    return offer.mechanisms


def _kept_mechanisms(user: User, account: Account, host: str, offer: Offer | None) -> frozenset[str]:
    """Those for which an account gets credentials with a new password. Raises ItemError where none is left."""
    if user.mechanisms:
        _require_offered(user, host, offer)
        return user.mechanisms
    kept = account.mechanisms & offer.mechanisms if offer else account.mechanisms
    if not kept:
        offered = f"offers {_listed(offer.mechanisms)}" if offer and offer.exact else "offers none of them"
        reason = f"it has credentials for {_listed(account.mechanisms)}, and the server {offered}"
        raise ItemError(host, f"set the password of {user.title}", reason, "name those that it is to have in mechanisms")
    return kept


_OFFER_IT = "have the server offer it (setParameter.authenticationMechanisms), or choose among those that it offers"


def _require_offered(user: User, host: str, offer: Offer | None) -> None:
    missing = (user.mechanisms or frozenset()) - offer.mechanisms if offer and offer.exact else None
    if missing:
        reason = f"the server does not offer {_listed(missing)}"
        raise ItemError(host, f"give {user.title} its mechanisms", reason, _OFFER_IT)


def _listed(mechanisms: frozenset[str]) -> str:
    return ", ".join(sorted(mechanisms))


def _require_usable(user: User, mechanisms: frozenset[str] | set[str], host: str) -> None:
    if scram.SHA_256 not in mechanisms or user.password is None:
        return
    try:
        scram.prepare(user.password)
    except ValueError:
        raise ItemError(
            host,
            f"set the password of {user.title}",
            "SCRAM-SHA-256 does not allow it (it is empty, or holds control characters or characters unknown to Unicode 3.2)",
            "choose another one",
        ) from None


def _declared(user: User, new_password: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if new_password:
        shown["password"] = f"{MASK} (new)"
    if user.roles is not None:
        shown["roles"] = _role_names(user.roles)
    if user.restrictions is not None:
        shown["authentication_restrictions"] = comparable(user.restrictions)
    if user.mechanisms is not None:
        shown["mechanisms"] = sorted(user.mechanisms)
    return shown


def _stored(account: Account) -> dict[str, Any]:
    return {**_base(account), **_shown_data(account.custom_data)}


def _base(account: Account) -> dict[str, Any]:
    return {
        "password": MASK,
        "roles": _role_names(account.roles),
        "authentication_restrictions": comparable(account.restrictions),
        "mechanisms": sorted(account.mechanisms),
    }


def _custom_data(user: User, stored: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """All of customData as it is to be: what is declared, what is kept, and the reserved part."""
    reserved = stored.get(RESERVED)
    if user.terms or user.unlimited:
        reserved = with_terms(stored, user.terms, now)
    kept = public(stored) if user.custom_data is None else dict(user.custom_data)
    return {**kept, **({RESERVED: reserved} if reserved else {})}


def _changed_data(custom_data: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Names of the options to which the difference belongs."""
    differences = {
        "custom_data": public(custom_data) != public(stored),
        "valid_until": grant_of(custom_data) != grant_of(stored),
    }
    return [name for name, differs in differences.items() if differs]


def _shown_data(custom_data: Mapping[str, Any]) -> dict[str, Any]:
    """customData for people, in values that JSON has."""
    shown: dict[str, Any] = {"custom_data": _shown(public(custom_data))}
    grant = grant_of(custom_data)
    if grant:
        shown["grant"] = _shown(vars(grant))
    return shown


def _shown(value: Any) -> Any:
    return plain(value, "milliseconds")


def _role_documents(roles: frozenset[Key]) -> list[dict[str, str]]:
    return [key.document("role") for key in sorted(roles)]


def _role_names(roles: frozenset[Key]) -> list[str]:
    return sorted(map(str, roles))
