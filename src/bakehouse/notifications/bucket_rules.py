"""What a bucket tells of its objects' changes, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bakehouse.faults import InvalidInput
from bakehouse.storage.object_info import Change
from bakehouse.storage.records import Document

SETTING_NAME = "notification"
"""The name of the bucket's setting in which its rules are kept."""

_MOST_RULES = 100


@dataclass(frozen=True, slots=True)
class FunctionRule:
    """A function that is invoked with the changes of some objects."""

    rule_id: str
    arn: str
    events: Sequence[str]
    """``ObjectCreated:Put``, or ``ObjectCreated:*`` for all of a family."""
    prefix: str = ""
    suffix: str = ""

    def concerns(self, change: Change) -> bool:
        """Whether the function is told of a change."""
        return (
            change.key.startswith(self.prefix)
            and change.key.endswith(self.suffix)
            and any(_covers(event, change.event) for event in self.events)
        )


@dataclass(frozen=True, slots=True)
class BucketRules:
    """All that a bucket tells."""

    functions: Sequence[FunctionRule] = ()
    to_bus: bool = False
    """Whether every change also becomes an event on the default event bus."""


def check_rules(rules: BucketRules) -> None:
    """Make sure that a bucket may have these rules.

    Raises:
        InvalidInput: there are too many, two have one id, or two are for the same changes.
    """
    functions = rules.functions
    if len(functions) > _MOST_RULES:
        raise _invalid(len(functions), f"at most {_MOST_RULES} rules", "Too many configurations.")
    ids = [rule.rule_id for rule in functions]
    if len(set(ids)) < len(ids):
        raise _invalid(ids, "ids of their own", "Same ID used for multiple configurations.")
    for place, rule in enumerate(functions):
        if any(_overlap(rule, other) for other in functions[:place]):
            text = (
                "Configurations overlap. Configurations on the same bucket cannot share a common "
                "event type."
            )
            raise _invalid(rule.rule_id, "rules for different changes", text)


def to_document(rules: BucketRules) -> Document:
    """The rules as they are stored."""
    return asdict(rules)


def rules_from(document: dict[str, Any] | None) -> BucketRules:
    """The rules that were stored; none tell nothing."""
    if document is None:
        return BucketRules()
    functions = tuple(FunctionRule(**one) for one in document["functions"])
    return BucketRules(functions, document["to_bus"])


def _covers(wanted: str, event: str) -> bool:
    return wanted == event or (wanted.endswith("*") and event.startswith(wanted[:-1]))


def _overlap(one: FunctionRule, other: FunctionRule) -> bool:
    """Whether there can be a change that both are for."""
    pairs = ((a, b) for a in one.events for b in other.events)
    shorter, longer = sorted((one.prefix, other.prefix), key=len)
    end, longer_end = sorted((one.suffix, other.suffix), key=len)
    return (
        any(_covers(a, b) or _covers(b, a) for a, b in pairs)
        and longer.startswith(shorter)
        and longer_end.endswith(end)
    )


def _invalid(value: object, allowed: str, text: str) -> InvalidInput:
    return InvalidInput("NotificationConfiguration", value, allowed, text)
