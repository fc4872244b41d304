"""What policies allow: the evaluation of statements, as IAM does it for one account.

A statement that denies wins; else one that allows; else it is denied. Source: IAM User Guide,
"Policy evaluation logic" and "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bakehouse.faults import Unimplemented
from bakehouse.services.policies.documents import Statement

Context = Mapping[str, tuple[str, ...]]
"""What is known of a request: the key in lower case → its values."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is allowed, and why."""

    verdict: str
    """``allowed``, ``explicitDeny`` or ``implicitDeny``."""
    sources: tuple[str, ...]
    """The names of the policies whose statements decided."""
    missing: tuple[str, ...]
    """Context keys that conditions asked for and nobody gave."""


def decide(
    statements: Iterable[tuple[str, Statement]], action: str, resource: str, context: Context
) -> Decision:
    """Decide about one action on one resource.

    Args:
        statements: the name of each statement's policy, and the statement.
        action: ``s3:GetObject``.
        resource: an ARN, or ``*``.
        context: what is known of the request.

    Raises:
        Unimplemented: a condition has an operator that is not evaluated here.
    """
    missing: list[str] = []
    found: dict[bool, list[str]] = {True: [], False: []}
    for source, statement in statements:
        if not _concerns(statement, action, resource, context):
            continue
        if _conditions_hold(statement, context, missing):
            found[statement.allows].append(source)
    verdict = "explicitDeny" if found[False] else "allowed" if found[True] else "implicitDeny"
    sources = found[False] or found[True]
    return Decision(verdict, tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(missing)))


def matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern with ``*`` and ``?``; takes no longer than both multiplied."""
    at_pattern = at_text = 0
    star, resume = -1, 0
    while at_text < len(text):
        letter = pattern[at_pattern] if at_pattern < len(pattern) else ""
        if letter == "*":
            star, resume = at_pattern, at_text
            at_pattern += 1
        elif letter and letter in ("?", text[at_text]):
            at_pattern, at_text = at_pattern + 1, at_text + 1
        elif star >= 0:
            resume += 1
            at_pattern, at_text = star + 1, resume
        else:
            return False
    return not pattern[at_pattern:].strip("*")


def _concerns(statement: Statement, action: str, resource: str, context: Context) -> bool:
    name = action.lower()
    if statement.actions is not None:
        acts = any(matches(one.lower(), name) for one in statement.actions)
    else:
        acts = not any(matches(one.lower(), name) for one in statement.not_actions or ())
    if not acts:
        return False
    if statement.resources is not None:
        return _is_among(resource, statement.resources, context)
    return not _is_among(resource, statement.not_resources or (), context)


def _is_among(resource: str, patterns: Iterable[str], context: Context) -> bool:
    filled = (_filled(pattern, context) for pattern in patterns)
    return any(one is not None and matches(one, resource) for one in filled)


def _filled(pattern: str, context: Context) -> str | None:
    """A pattern with its variables replaced; None if one of them is not known."""
    names = [name.lower() for name in _VARIABLE.findall(pattern)]
    if not all(len(context.get(name, ())) == 1 for name in names):
        return None
    return _VARIABLE.sub(lambda found: context[found[1].lower()][0], pattern)


# Conditions


def _conditions_hold(statement: Statement, context: Context, missing: list[str]) -> bool:
    hold = True
    for operator, wanted in statement.conditions.items():
        test = _test_of(operator)
        for key, values in wanted.items():
            given = context.get(key.lower())
            if given is None and not operator.startswith("Null"):
                missing.append(key)
            hold = test(given, values) and hold
    return hold


Test = Callable[[tuple[str, ...] | None, tuple[str, ...]], bool]


def _test_of(operator: str) -> Test:
    """What an operator asks: of the values given, or None, and of the values wanted."""
    sets, _, name = operator.rpartition(":")
    if name == "Null":
        return lambda given, wanted: (given is None) == (wanted[:1] == ("true",))
    optional = name.endswith("IfExists")
    compare = _COMPARISONS.get(name.removesuffix("IfExists"))
    if compare is None or sets not in ("", "ForAnyValue", "ForAllValues"):
        raise Unimplemented("iam", f"SimulatePrincipalPolicy with the condition {operator}")
    negative = "Not" in name
    if_absent = optional or negative or sets == "ForAllValues"

    def test(given: tuple[str, ...] | None, wanted: tuple[str, ...]) -> bool:
        if given is None:
            return if_absent
        quantify = any if sets == "ForAnyValue" else all
        return quantify(
            all(compare(one, value) for value in wanted)
            if negative
            else any(compare(one, value) for value in wanted)
            for one in given
        )

    return test


def _number(test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def compare(given: str, wanted: str) -> bool:
        try:
            return test(float(given), float(wanted))
        except ValueError:
            return False

    return compare


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda a, b: a == b,
    "StringNotEquals": lambda a, b: a != b,
    "StringEqualsIgnoreCase": lambda a, b: a.lower() == b.lower(),
    "StringNotEqualsIgnoreCase": lambda a, b: a.lower() != b.lower(),
    "StringLike": lambda a, b: matches(b, a),
    "StringNotLike": lambda a, b: not matches(b, a),
    "ArnEquals": lambda a, b: matches(b, a),
    "ArnLike": lambda a, b: matches(b, a),
    "ArnNotEquals": lambda a, b: not matches(b, a),
    "ArnNotLike": lambda a, b: not matches(b, a),
    "Bool": lambda a, b: a.lower() == b.lower(),
    "NumericEquals": _number(lambda a, b: a == b),
    "NumericNotEquals": _number(lambda a, b: a != b),
    "NumericLessThan": _number(lambda a, b: a < b),
    "NumericLessThanEquals": _number(lambda a, b: a <= b),
    "NumericGreaterThan": _number(lambda a, b: a > b),
    "NumericGreaterThanEquals": _number(lambda a, b: a >= b),
}
