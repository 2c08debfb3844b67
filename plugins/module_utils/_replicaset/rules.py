# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused before anything changes: each rule a function that returns a Refusal or None. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import key_of, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, Member, Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.steps import MOST_MEMBERS, MOST_VOTERS

EVEN_VOTES = "even_votes"
ZONE_LOSS = "zone_loss"
_MOST_PRIORITY = 1000
# Modes that every set knows without defining them.
_BUILT_IN_MODES = ("majority",)


def duplicates(wanted: Sequence[Wanted]) -> Refusal | None:
    """Two declared members with one address. Checked first, since configurations are keyed by address."""
    counted = Counter(item.address.key for item in wanted)
    double = [str(item.address) for item in wanted if counted[item.address.key] > 1]
    return Refusal(f"{double[0]} is declared more than once", "declare every member once") if double else None


def aliases(wanted: Sequence[Wanted], formers: Mapping[str, str]) -> Refusal | None:
    """Two declared members that are one server; ``formers`` has a member's present host by the key of another name for it."""
    named: dict[str, str] = {}
    for item in wanted:
        host = formers.get(item.address.key, str(item.address))
        other = named.setdefault(key_of(host), str(item.address))
        if other != str(item.address):
            return Refusal(f"{other} and {item.address} lead to one server, the member {host}", "declare it once")
    return None


def shape(target: Config, zones: Mapping[str, str], allow: Collection[str]) -> Iterator[Refusal]:
    """Every objection to declared members; ``zones`` as of ``config.zones_of``."""
    found = [
        size(target),
        votes(target),
        electable(target),
        loopback(target),
        None if EVEN_VOTES in allow else even_votes(target),
        None if ZONE_LOSS in allow else zone_loss(target, zones),
        *(check(member) for member in target.members for check in (priority, arbiter, delay)),
    ]
    return (refusal for refusal in found if refusal)


def size(target: Config) -> Refusal | None:
    if not target.members:
        return Refusal("no member is declared", "declare at least one member")
    if len(target.members) > MOST_MEMBERS:
        return Refusal(
            f"it would have {len(target.members)} members and a replica set has {MOST_MEMBERS} at most", "declare fewer members"
        )
    return None


def votes(target: Config) -> Refusal | None:
    for member in target.members:
        if member.votes not in (0, 1):
            return Refusal(f"{member.host} is given {member.votes} votes and a member has 0 or 1", "correct its votes")
    count = len(target.voters)
    if count > MOST_VOTERS:
        return Refusal(f"{count} members would vote and {MOST_VOTERS} may", "set votes: 0 for the others")
    return None


def even_votes(target: Config) -> Refusal | None:
    count = len(target.voters)
    if not count or count % 2:
        return None
    return Refusal(
        f"an even number of votes, {count}, survives no more failures than {count - 1} would",
        f"declare an odd number of voters, or allow it with {EVEN_VOTES}",
    )


def electable(target: Config) -> Refusal | None:
    if not target.members or any(member.electable for member in target.members):
        return None
    return Refusal("no member could become primary", "give one data-bearing voter a priority above 0")


def zone_loss(target: Config, zones: Mapping[str, str]) -> Refusal | None:
    """A member without zone among zoned ones counts as a zone of its own; without any zone the rule is silent."""
    lost = fatal_zones(target, zones)
    if not lost:
        return None
    held = sum(zones.get(member.key) == lost[0] for member in target.voters)
    return Refusal(
        f"zone {lost[0]} holds {held} of {len(target.voters)} votes and its loss would leave no majority",
        f"spread the voters so that no zone holds half of the votes or more, or allow it with {ZONE_LOSS}",
    )


def fatal_zones(config: Config, zones: Mapping[str, str]) -> list[str]:
    """The zones whose loss leaves no voting majority, in order of name."""
    held = Counter(zones.get(member.key, "") for member in config.voters)
    total = len(config.voters)
    return sorted(zone for zone, count in held.items() if zone and (total - count) * 2 <= total)


def room(current: Config, target: Config) -> Refusal | None:
    """In a full set a newcomer has no seat until somebody leaves, and the only member that can lead never leaves first."""
    present, wanted = current.by_id(), target.by_id()
    leaving = [member for key, member in present.items() if key not in wanted]
    if len(present) < MOST_MEMBERS or len(leaving) != 1 or not leaving[0].electable:
        return None
    if any(wanted[key].electable for key in present.keys() & wanted.keys()):
        return None
    return Refusal(
        f"the set has {MOST_MEMBERS} members, the most there can be, and nobody who stays could take over from {leaving[0].host}",
        "first remove a member without a vote, or give one that stays a vote and a priority",
    )


def loopback(target: Config) -> Refusal | None:
    local = [member.host for member in target.members if parse_address(member.host).is_loopback]
    if len(local) in (0, len(target.members)):
        return None
    return Refusal(
        f"{local[0]} is a loopback address and other members are not, so that it cannot be reached by them",
        "declare names or addresses by which the members reach each other",
    )


def priority(member: Member) -> Refusal | None:
    if not 0 <= member.priority <= _MOST_PRIORITY:
        return Refusal(f"{member.host} is given priority {member.priority}", f"choose one between 0 and {_MOST_PRIORITY}")
    if member.priority and member.passive:
        return Refusal(f"{member.host} has priority {member.priority} and {_why_passive(member)}", "set priority: 0 for it")
    return None


def _why_passive(member: Member) -> str:
    if member.arbiter:
        return "is an arbiter"
    if member.hidden:
        return "is hidden"
    return "is delayed" if member.delay else "has no vote"


def arbiter(member: Member) -> Refusal | None:
    if not member.arbiter:
        return None
    if not member.votes:
        return Refusal(f"the arbiter {member.host} would have no vote", "leave votes out for it")
    for given, name in ((member.tags, "tags"), (member.hidden, "hidden"), (member.delay, "secondary_delay_secs")):
        if given:
            return Refusal(f"{member.host} is an arbiter, which holds no data, and has {name}", f"leave {name} out for it")
    return None


def delay(member: Member) -> Refusal | None:
    if member.delay < 0:
        return Refusal(f"{member.host} is given a negative secondary_delay_secs", "choose a number of seconds")
    if member.delay and not member.hidden:
        return Refusal(
            f"{member.host} is delayed and not hidden, so that clients would read its old data", "set hidden: true for it"
        )
    return None


def kind_change(current: Config, target: Config) -> Refusal | None:
    """The server lets no member become or stop being an arbiter."""
    present = current.by_id()
    for member in target.members:
        before = present.get(member.id, member)
        if before.arbiter != member.arbiter:
            return Refusal(
                f"{member.host} {'is an arbiter' if before.arbiter else 'holds data'} and a live member cannot change that",
                "remove it from members, run, empty its data directory, and declare it again",
            )
    return None


def default_write_concern(target: Config, concern: Mapping[str, Any]) -> Refusal | None:
    """A default that no write could meet; servers before 6.0 would take it."""
    wanted = concern["w"]
    if isinstance(wanted, int):
        data = sum(not member.arbiter for member in target.members)
        if not 1 <= wanted <= data:
            return Refusal(f"the default write concern asks for {wanted} of {data} members with data", "correct its w")
        return None
    modes = target.settings.get("getLastErrorModes", {})
    if wanted in _BUILT_IN_MODES or wanted in modes:
        return None
    return Refusal(
        f"the default write concern names the mode '{wanted}', which is not among getLastErrorModes",
        "define it there, or correct w",
    )


def majority(configs: Iterable[Config], unhealthy: Collection[str]) -> Refusal | None:
    """Every configuration on the way needs a majority of healthy voters; ``unhealthy`` holds keys of members."""
    for config in configs:
        down = [member.host for member in config.voters if member.key in unhealthy]
        if (len(config.voters) - len(down)) * 2 <= len(config.voters):
            return Refusal(
                f"{len(down)} of {len(config.voters)} voters are not reachable or not healthy ({', '.join(down)})",
                "bring them back first; a set without a majority takes no change",
            )
    return None
