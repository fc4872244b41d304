"""Choice rules: And, Or, Not, and comparisons of a variable.

A variable that is not there is an error, except to ``IsPresent``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bakehouse.states.comparisons import COMPARISONS, TESTS
from bakehouse.states.paths import Path, PathMissing
from bakehouse.states.problems import not_built, schema_problem
from bakehouse.states.reading import path_at, read
from bakehouse.states.scope import Scope, runtime_error

Holds = Callable[[Scope], bool]
"""A compiled rule; raises ``StatesError`` for a variable that is not there."""

_DEEPEST = 50


def parse_rule(rule: Any, where: str, *, depth: int = 0) -> Holds:
    """Compile the condition of a choice rule: And, Or, Not, or a variable and its comparison.

    Args:
        rule: the rule as it stands in the definition.
        where: its path in the definition, for messages.
        depth: how many rules it stands inside.

    Raises:
        InvalidDefinition: it is not a rule.
    """
    if not isinstance(rule, Mapping) or depth > _DEEPEST:
        raise schema_problem(f"A rule is an object, nested at most {_DEEPEST} deep", where)
    if "Condition" in rule:
        raise not_built("JSONata (the field 'Condition')", f"{where}/Condition")
    if depth and "Next" in rule:
        raise schema_problem("Only a top-level rule has the field 'Next'", f"{where}/Next")
    parts = [name for name in rule if name not in ("Next", "Comment", "Assign", "Variable")]
    if len(parts) != 1:
        raise schema_problem("A rule has exactly one comparison, And, Or or Not", where)
    if parts[0] in _COMBINED:
        return _COMBINED[parts[0]](rule[parts[0]], f"{where}/{parts[0]}", depth)
    return _parse_comparison(rule, parts[0], where)


def _parse_all(rules: Any, where: str, depth: int) -> Holds:
    parsed = _parse_each(rules, where, depth)
    return lambda scope: all(holds(scope) for holds in parsed)


def _parse_any(rules: Any, where: str, depth: int) -> Holds:
    parsed = _parse_each(rules, where, depth)
    return lambda scope: any(holds(scope) for holds in parsed)


def _parse_not(rule: Any, where: str, depth: int) -> Holds:
    holds = parse_rule(rule, where, depth=depth + 1)
    return lambda scope: not holds(scope)


def _parse_each(rules: Any, where: str, depth: int) -> list[Holds]:
    if not isinstance(rules, list) or not rules:
        raise schema_problem("Value is not a non-empty array of rules", where)
    return [parse_rule(rule, f"{where}[{i}]", depth=depth + 1) for i, rule in enumerate(rules)]


_COMBINED: dict[str, Callable[[Any, str, int], Holds]] = {
    "And": _parse_all,
    "Or": _parse_any,
    "Not": _parse_not,
}


def _parse_comparison(rule: Mapping[str, Any], name: str, where: str) -> Holds:
    path = path_at(rule.get("Variable"), f"{where}/Variable")
    operand, here = rule[name], f"{where}/{name}"
    if name == "IsPresent":
        return _presence(path, _checked(operand, bool, here))
    if name in TESTS:
        test, wanted = TESTS[name], _checked(operand, bool, here)
        return lambda scope: test(_read(path, scope)) is wanted
    if name in COMPARISONS:
        compare, kind = COMPARISONS[name]
        if not kind(operand):
            raise schema_problem(f"Value is not of the kind that {name} compares", here)
        return lambda scope: compare(_read(path, scope), operand)
    bare = name.removesuffix("Path")
    if bare in COMPARISONS and name != "StringMatchesPath":
        other, compare = path_at(operand, here), COMPARISONS[bare][0]
        return lambda scope: compare(_read(path, scope), _read(other, scope))
    raise schema_problem(f"Field '{name}' is not supported", where)


def _presence(path: Path, wanted: bool) -> Holds:
    def holds(scope: Scope) -> bool:
        try:
            read(path, scope)
        except PathMissing:
            return not wanted
        return wanted

    return holds


def _checked(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise schema_problem("Value is not a boolean", where)
    return value


def _read(path: Path, scope: Scope) -> Any:
    try:
        return read(path, scope)
    except PathMissing as error:
        raise runtime_error(
            f"Invalid path '{path.text}': The choice state's condition path references an invalid "
            "value."
        ) from error
