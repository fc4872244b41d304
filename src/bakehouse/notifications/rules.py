"""Rules: which events go where. They are kept as records; matching reads them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bakehouse import clock
from bakehouse.faults import Conflict, LimitExceeded, NotFound
from bakehouse.notifications.inputs import Event, Shape, check_shape
from bakehouse.notifications.patterns import Matcher, compile_pattern
from bakehouse.storage.records import Delete, Put, Records, commit_async, every

MOST_RULES = 300
MOST_TARGETS = 5
"""How many targets one rule has at most."""

_KIND = "events/rule"
compiled = functools.lru_cache(maxsize=2 * MOST_RULES)(compile_pattern)
"""``compile_pattern``, once for each text."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule sends events, and in which form."""

    target_id: str
    arn: str
    role_arn: str | None = None
    shape: Shape = field(default_factory=Shape)
    retry: Mapping[str, int] = field(default_factory=dict)
    """``attempts`` and ``age_s``, where the user set them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the default event bus."""

    name: str
    pattern: str
    is_enabled: bool = True
    description: str | None = None
    role_arn: str | None = None
    created_ms: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    targets: Sequence[Target] = ()

    @property
    def matcher(self) -> Matcher:
        """What tells whether the rule is for an event."""
        return compiled(self.pattern)


class Rules:
    """The rules of the default event bus. Its methods run in the event loop.

    Args:
        records: where they are kept.
        account_id: the account in their ARNs.
        region: the region in their ARNs.
    """

    def __init__(self, records: Records, *, account_id: str, region: str) -> None:
        self._records = records
        self.bus_arn = f"arn:aws:events:{region}:{account_id}:event-bus/default"
        """The bus that every account has."""
        self._arn_prefix = f"arn:aws:events:{region}:{account_id}:rule/"

    def arn(self, name: str) -> str:
        """The ARN of a rule."""
        return f"{self._arn_prefix}{name}"

    def name_in(self, arn: str) -> str:
        """The name of the rule with this ARN; raises ``NotFound``."""
        if not arn.startswith(self._arn_prefix):
            raise NotFound("rule", arn)
        return self.get(arn.removeprefix(self._arn_prefix)).name

    async def put(self, rule: Rule) -> None:
        """Make a rule, or change all of one but its targets and tags.

        Raises:
            InvalidInput: the pattern is none.
            LimitExceeded: there are as many rules as there may be.
        """
        compiled(rule.pattern)
        known = self._find(rule.name)
        if known is not None:
            changed = replace(
                rule, tags=known.tags, targets=known.targets, created_ms=known.created_ms
            )
            await self._save(changed)
            return
        count = len(self._records.scan(_KIND, limit=MOST_RULES))
        if count >= MOST_RULES:
            raise LimitExceeded("The number of rules", count + 1, MOST_RULES, "rules")
        await self._save(replace(rule, created_ms=clock.epoch_ms()))

    def get(self, name: str) -> Rule:
        """The rule by that name; raises ``NotFound``."""
        rule = self._find(name)
        if rule is None:
            raise NotFound("rule", name)
        return rule

    def listing(self, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Rule]:
        """Rules in the order of their names, those after a name."""
        rows = self._records.scan(_KIND, prefix=prefix, after=after, limit=limit)
        return [_from_document(row.value) for row in rows]

    def every(self) -> Iterator[Rule]:
        """All rules."""
        return (_from_document(row.value) for row in every(self._records, _KIND))

    async def delete(self, name: str) -> None:
        """Remove a rule that has no targets; it is no error that there is none.

        Raises:
            Conflict: it has targets.
        """
        rule = self._find(name)
        if rule is not None and rule.targets:
            raise Conflict("rule", name, "with targets", "a rule without targets")
        await commit_async(self._records, Delete(_KIND, name))

    async def enable(self, name: str, *, is_enabled: bool) -> None:
        """Let a rule match, or not; raises ``NotFound``."""
        await self._save(replace(self.get(name), is_enabled=is_enabled))

    async def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Give a rule these tags instead of those that it has; raises ``NotFound``."""
        await self._save(replace(self.get(name), tags=dict(tags)))

    async def add_targets(self, name: str, targets: Iterable[Target]) -> None:
        """Add targets, or replace those with the same id.

        Raises:
            NotFound: there is no such rule.
            InvalidInput: an input cannot be made so.
            LimitExceeded: that would be more than five.
        """
        rule = self.get(name)
        chosen = {target.target_id: target for target in rule.targets}
        for target in targets:
            check_shape(target.shape)
            chosen[target.target_id] = target
        if len(chosen) > MOST_TARGETS:
            raise LimitExceeded("The number of targets", len(chosen), MOST_TARGETS, "targets")
        await self._save(replace(rule, targets=tuple(chosen.values())))

    async def remove_targets(self, name: str, ids: Iterable[str]) -> list[str]:
        """Remove targets by their ids and tell which of those were none; raises ``NotFound``."""
        rule, unwanted = self.get(name), list(ids)
        kept = tuple(target for target in rule.targets if target.target_id not in unwanted)
        known = {target.target_id for target in rule.targets}
        await self._save(replace(rule, targets=kept))
        return [one for one in unwanted if one not in known]

    def matching(self, event: Event) -> Iterator[Rule]:
        """The enabled rules that are for an event."""
        return (rule for rule in self.every() if rule.is_enabled and rule.matcher(event))

    def _find(self, name: str) -> Rule | None:
        row = self._records.get(_KIND, name)
        return None if row is None else _from_document(row.value)

    async def _save(self, rule: Rule) -> None:
        await commit_async(self._records, Put(_KIND, rule.name, asdict(rule)))


def _from_document(document: dict[str, Any]) -> Rule:
    targets = [
        Target(**target | {"shape": Shape(**target["shape"])}) for target in document["targets"]
    ]
    return Rule(**document | {"targets": tuple(targets)})
