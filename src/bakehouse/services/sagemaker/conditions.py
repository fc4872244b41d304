"""Search's expressions: a tree of conditions over a thing's properties.

A property is named by a dotted path through the thing's shape (``ResourceConfig.InstanceType``);
behind a map's name stands the key (``HyperParameters.epochs``, ``Tags.team``), which may hold dots
itself. Of a list any element will do; a nested filter wants one element that meets all of its
conditions. Texts compare as they are, numbers in a text as numbers, times by ISO 8601.

Source: the Amazon SageMaker API reference, SearchExpression, Filter and NestedFilters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape

from bakehouse.wire.types import AwsError, Params

MOST_DEEP = 10
"""The most levels of SubExpressions."""
MOST_CONDITIONS = 200
"""The most filters and expressions of one search, on all levels."""

Condition = Callable[[Params], bool]
"""Says of a thing whether it is wanted."""
_Test = Callable[[Any], bool]


class Expressions:
    """Compiles the expressions that are asked of one shape of thing.

    Args:
        shape: the thing's botocore shape; what is no property of it is refused.
        maps: members that are maps from a name to a value in what is searched, whatever the shape
            says (``Tags``, ``Metrics``).
    """

    def __init__(self, shape: Shape, maps: frozenset[str]) -> None:
        self._shape, self._maps = shape, maps
        self._count = 0

    def condition(self, expression: Params, depth: int = 1) -> Condition:
        """What an expression says; an empty one wants everything.

        Raises:
            AwsError: it names what is no property, compares what cannot be compared, or is too big.
        """
        if depth > MOST_DEEP:
            raise _refused(f"SubExpressions are nested deeper than {MOST_DEEP} levels.")
        self._count_one()
        parts = [self._filter(one, "") for one in expression.get("Filters", [])]
        parts += [self._nested(one) for one in expression.get("NestedFilters", [])]
        parts += [self.condition(one, depth + 1) for one in expression.get("SubExpressions", [])]
        if not parts:
            return lambda thing: True
        if expression.get("Operator", "And") == "Or":
            return lambda thing: any(part(thing) for part in parts)
        return lambda thing: all(part(thing) for part in parts)

    def check_property(self, path: str) -> None:
        """Refuse a path that leads to nothing in the shape."""
        if path.partition(".")[0] in self._maps:
            return
        shape: Shape = self._shape
        rest = path
        while rest:
            while shape.type_name == "list":
                shape = shape.member
            if shape.type_name == "map":
                return
            name, _, rest = rest.partition(".")
            if shape.type_name != "structure" or name not in shape.members:
                raise _refused(f"Unknown property name: {path}.")
            shape = shape.members[name]

    def _filter(self, given: Params, prefix: str) -> Condition:
        """One condition; below a nested filter its path begins with the list's name."""
        self._count_one()
        path, operator = given["Name"], given.get("Operator", "Equals")
        self.check_property(path)
        if prefix and not path.startswith(prefix):
            raise _refused(f"The filter {path} is not of the nested property {prefix[:-1]}.")
        path = path.removeprefix(prefix)
        if operator == "Exists":
            return lambda thing: any(True for _ in values(thing, path))
        if operator == "NotExists":
            return lambda thing: not any(True for _ in values(thing, path))
        if "Value" not in given:
            raise _refused(f"The filter {given['Name']} needs a Value for {operator}.")
        if operator == "NotEquals":
            equal = _test("Equals", given["Value"])
            return lambda thing: not any(equal(value) for value in values(thing, path))
        test = _test(operator, given["Value"])
        return lambda thing: any(test(value) for value in values(thing, path))

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MOST_CONDITIONS:
            raise _refused(f"A search has at most {MOST_CONDITIONS} conditions.")

    def _nested(self, given: Params) -> Condition:
        path = given["NestedPropertyName"]
        self.check_property(path)
        conditions = [self._filter(one, f"{path}.") for one in given["Filters"]]
        return lambda thing: any(
            all(condition(element) for condition in conditions) for element in values(thing, path)
        )


def values(thing: Any, path: str) -> Iterator[Any]:
    """Everything that a path leads to: nothing, one value, or the elements of lists."""
    if isinstance(thing, list):
        for element in thing:
            yield from values(element, path)
    elif not path:
        yield thing
    elif isinstance(thing, dict):
        if path in thing:  # a map's key may hold dots
            yield from values(thing[path], "")
            return
        name, _, rest = path.partition(".")
        if rest and name in thing:
            yield from values(thing[name], rest)


def sort_key(value: Any) -> float | str:
    """A property's value as pages are sorted by it: times and numbers as numbers."""
    match value:
        case datetime():
            return value.timestamp()
        case bool() | int() | float():
            return float(value)
        case _:
            return str(value)


def _test(operator: str, wanted: str) -> _Test:
    """What one value must be."""
    match operator:
        case "Equals":
            return lambda value: _compared(value, wanted) == 0
        case "Contains":
            return lambda value: isinstance(value, str) and wanted in value
        case "In":
            choices = frozenset(part.strip() for part in wanted.split(","))
            return lambda value: any(_compared(value, choice) == 0 for choice in choices)
        case "GreaterThan":
            return lambda value: _compared(value, wanted) > 0
        case "GreaterThanOrEqualTo":
            return lambda value: _compared(value, wanted) >= 0
        case "LessThan":
            return lambda value: _compared(value, wanted) < 0
        case _:
            return lambda value: _compared(value, wanted) <= 0


def _compared(value: Any, wanted: str) -> float:
    """Below, at or above 0 as the value is less, equal or more; NaN, which is none, for neither."""
    match value:
        case bool():
            return 0.0 if str(value).lower() == wanted.lower() else math.nan
        case datetime():
            return _difference(value.timestamp(), _moment(wanted))
        case int() | float():
            return _difference(float(value), _number(wanted))
        case str():
            if value == wanted:
                return 0.0
            return _difference(_number(value), _number(wanted))
        case _:
            return math.nan


def _difference(value: float, wanted: float) -> float:
    if value == wanted:  # two infinities have no difference
        return 0.0
    return value - wanted


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _moment(text: str) -> float:
    """Seconds since 1970 at a time in ISO 8601 or as such a number; UTC if it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _number(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _refused(sentence: str) -> AwsError:
    return AwsError("ValidationException", sentence)
