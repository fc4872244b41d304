"""Metric math: arithmetic over series of values, as GetMetricData's expressions have it.

Numbers, ids of other queries, ``+ - * / ^``, parentheses, arrays (``[m1, m2]``) and the functions
of ``FUNCTIONS``. What else AWS has (``SEARCH``, ``IF``, comparisons, ``SELECT``) is refused by
name.

Source: Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bakehouse.services.cloudwatch.arithmetic import (
    FUNCTIONS,
    ExpressionError,
    Series,
    Value,
    combined,
    each,
    filled,
    series_list,
)

_TOKEN = re.compile(
    r'\s*(?:(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z][A-Za-z0-9_]*)|"([^"]*)"|([-+*/^(),\[\]]))'
)
_DEPTH = 30
_SERIES = 500


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an expression can refer to."""

    value_of: Callable[[str], Value]
    """The value of another query, by its id."""
    metrics: Callable[[], dict[str, Series]]
    """The series of all queries that name a metric, by id."""
    start_ms: int
    end_ms: int
    spend: Callable[[int], None]
    """Told how many points each step made; raises :class:`ExpressionError` when it is too many."""


def evaluate(text: str, around: Surroundings) -> Value:
    """The value of an expression.

    Raises:
        ExpressionError: it is none, its types do not fit, or it needs what is not built.
    """
    try:
        return _Evaluation(text, around).whole()
    except ArithmeticError as error:
        raise ExpressionError("A value is too large") from error


class _Evaluation:
    """Reads an expression from left to right, and computes it on the way."""

    def __init__(self, text: str, around: Surroundings) -> None:
        self._around = around
        self._tokens = list(_scan(text))
        self._at = 0

    def whole(self) -> Value:
        value = self._sum(0)
        if self._at != len(self._tokens):
            raise ExpressionError(f"Unexpected {self._peek()!r}")
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token != sign:
            raise ExpressionError(f"Expected {sign!r}, found {token!r}")

    def _spent(self, value: Value) -> Value:
        """The value, after its points are counted."""
        series = value if isinstance(value, list) else [value]
        if len(series) > _SERIES:
            raise ExpressionError(f"It has an array of {len(series)} series; {_SERIES} are allowed")
        self._around.spend(sum(len(one.points) for one in series if isinstance(one, Series)))
        return value

    def _sum(self, depth: int) -> Value:
        value = self._product(depth)
        while (sign := self._peek()) in ("+", "-"):
            self._next()
            value = self._spent(combined(value, self._product(depth), sign))
        return value

    def _product(self, depth: int) -> Value:
        value = self._power(depth)
        while (sign := self._peek()) in ("*", "/"):
            self._next()
            value = self._spent(combined(value, self._power(depth), sign))
        return value

    def _power(self, depth: int) -> Value:
        if depth > _DEPTH:
            raise ExpressionError(f"It is nested more than {_DEPTH} levels deep")
        if self._peek() == "-":
            self._next()
            return self._spent(combined(0.0, self._power(depth + 1), "-"))
        value = self._operand(depth)
        if self._peek() == "^":
            self._next()
            value = self._spent(combined(value, self._power(depth + 1), "^"))
        return value

    def _operand(self, depth: int) -> Value:
        part = self._next()
        if part == "(":
            value = self._sum(depth + 1)
            self._expect(")")
            return value
        if part == "[":
            return self._spent(series_list(self._arguments("]", depth)))
        if part[:1].isdigit() or part[:1] == ".":
            return float(part)
        if part[:1].isalpha() and self._peek() == "(":
            return self._spent(self._call(part, depth))
        if part[:1].isalpha():
            return self._around.value_of(part)
        raise ExpressionError(f"Unexpected {part!r}" if part else "It ends in the middle")

    def _call(self, name: str, depth: int) -> Value:
        self._next()
        if name == "METRICS":
            return self._metrics()
        if name == "FILL":
            return self._fill(depth)
        arguments = self._arguments(")", depth)
        if name not in FUNCTIONS:
            raise ExpressionError(f"bakehouse does not compute {name} yet")
        if len(arguments) != 1:
            raise ExpressionError(f"{name} takes 1 argument, not {len(arguments)}")
        return FUNCTIONS[name](arguments[0])

    def _arguments(self, end: str, depth: int) -> list[Value]:
        found: list[Value] = []
        while self._peek() != end:
            if found:
                self._expect(",")
            found.append(self._sum(depth + 1))
        self._next()
        return found

    def _metrics(self) -> Value:
        wanted = self._next()[1:-1] if self._peek().startswith('"') else ""
        self._expect(")")
        return [series for name, series in self._around.metrics().items() if wanted in name]

    def _fill(self, depth: int) -> Value:
        value = self._sum(depth + 1)
        self._expect(",")
        how: float | str
        if self._peek() in ("REPEAT", "LINEAR"):
            how = self._next()
        else:
            number = self._sum(depth + 1)
            if not isinstance(number, float):
                raise ExpressionError("FILL takes a number, REPEAT or LINEAR")
            how = number
        self._expect(")")
        return each(
            value,
            lambda series: filled(series, how, self._around.start_ms, self._around.end_ms),
            "FILL",
        )


def _scan(text: str) -> Iterator[str]:
    at, text = 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ExpressionError(f"Unexpected {text[at:].lstrip()[:1]!r}")
        yield f'"{found[3]}"' if found[3] is not None else found[0].strip()
        at = found.end()
