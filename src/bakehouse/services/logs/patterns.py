"""Filter patterns: which messages a search wants.

Two of AWS's forms are built: terms (``ERROR "disk full" ?warn -debug``), and conditions on messages
that are JSON (``{ $.code >= 400 && $.path = "/api*" }``). Columns (``[a, b]``) and regular
expressions (``%…%``) are refused.

Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax".
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from bakehouse.wire.types import AwsError

Wanted = Callable[[str], bool]
"""Says of a message whether a pattern matches it."""
_Condition = Callable[[Any], bool]

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"?{}\[\]%-][^\s"{}\[\]%]*))(?=\s|$)')
_DEPTH = 30


def matcher(pattern: str) -> Wanted:
    """What a pattern wants; an empty one wants everything.

    Raises:
        AwsError: it has none of the forms that are built.
    """
    text = pattern.strip()
    if text.startswith("{"):
        return _json_matcher(text)
    if text.startswith(("[", "%")):
        form = "columns ([a, b])" if text.startswith("[") else "regular expressions (%…%)"
        raise _invalid(pattern, f"; bakehouse does not know patterns of {form} yet")
    return _terms_matcher(text)


def _invalid(pattern: str, why: str = "") -> AwsError:
    return AwsError("InvalidParameterException", f"Invalid filter pattern {pattern!r}{why}.")


# Terms


def _terms_matcher(text: str) -> Wanted:
    """All plain terms, none with ``-``; one of those with ``?`` where there are no others.

    That ``?`` counts for nothing beside other terms is AWS's rule.
    """
    kinds: dict[str, list[str]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise _invalid(text)
        phrase = found[3] if found[2] is None else _unescaped(found[2])
        kinds[found[1]].append(phrase)
        at = found.end() + len(text[found.end() :]) - len(text[found.end() :].lstrip())
    all_of, any_of, none_of = kinds[""], kinds["?"], kinds["-"]
    if any_of and not all_of and not none_of:
        return lambda message: any(term in message for term in any_of)
    return lambda message: (
        all(term in message for term in all_of) and not any(term in message for term in none_of)
    )


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


# JSON

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<path>\$(?:\.[\w-]+|\[\d{1,9}\]|\["[^"\]]*"\]|\['[^'\]]*'\])*)
    | (?P<sign>&&|\|\||!=|<=|>=|[=<>(){}])
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | (?P<word>[^\s"(){}=<>!&|%]+)
    )\s*""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.([\w-]+)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]""")
_ABSENT = object()
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}


def _json_matcher(text: str) -> Wanted:
    condition = _Parser(text).whole()

    def wanted(message: str) -> bool:
        if not message.lstrip().startswith(("{", "[")):
            return False
        try:
            document = orjson.loads(message)
        except orjson.JSONDecodeError:
            return False
        return condition(document)

    return wanted


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan())
        self._at = 0

    def whole(self) -> _Condition:
        """The condition between the braces, and nothing behind them."""
        self._expect("{")
        condition = self._any(0)
        self._expect("}")
        if self._at != len(self._tokens):
            raise _invalid(self._text)
        return condition

    def _scan(self) -> Iterator[tuple[str, str]]:
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                why = "; bakehouse does not know regular expressions in it yet"
                raise _invalid(self._text, why if self._text[at:].lstrip().startswith("%") else "")
            kind = str(found.lastgroup)
            yield kind, found[kind]
            at = found.end()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._next() != ("sign", sign):
            raise _invalid(self._text)

    def _any(self, depth: int) -> _Condition:
        parts = [self._all(depth)]
        while self._peek() == ("sign", "||"):
            self._next()
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else lambda value: any(part(value) for part in parts)

    def _all(self, depth: int) -> _Condition:
        parts = [self._one(depth)]
        while self._peek() == ("sign", "&&"):
            self._next()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)

    def _one(self, depth: int) -> _Condition:
        kind, text = self._next()
        if (kind, text) == ("sign", "(") and depth < _DEPTH:
            condition = self._any(depth + 1)
            self._expect(")")
            return condition
        if kind != "path":
            raise _invalid(self._text)
        return self._comparison(_selector(text))

    def _comparison(self, select: Callable[[Any], Any]) -> _Condition:
        kind, text = self._next()
        if kind == "sign" and text in _COMPARE:
            return self._value(select, text)
        word = text.upper() if kind == "word" else ""
        _, other = self._next()
        if word == "NOT" and other.upper() == "EXISTS":
            return lambda document: select(document) is _ABSENT
        if word == "IS" and other.upper() in _CONSTANTS:
            constant = _CONSTANTS[other.upper()]
            return lambda document: select(document) is constant
        raise _invalid(self._text)

    def _value(self, select: Callable[[Any], Any], sign: str) -> _Condition:
        kind, text = self._next()
        compare = _COMPARE[sign]
        if kind == "word" and (number := _number(text)) is not None:
            return lambda document: _is_number(value := select(document)) and compare(value, number)
        if kind not in ("word", "quoted") or sign not in ("=", "!="):
            raise _invalid(self._text)
        matches = _wildcard(text if kind == "word" else _unescaped(text))
        return lambda document: (
            isinstance(value := select(document), str) and matches(value) is (sign == "=")
        )


def _selector(path: str) -> Callable[[Any], Any]:
    """What takes a value out of a document: it, or ``_ABSENT``."""
    steps: list[str | int] = [
        int(index) if index else name or quoted or other
        for name, index, quoted, other in _STEP.findall(path)
    ]

    def select(document: Any) -> Any:
        for step in steps:
            if isinstance(document, dict) and isinstance(step, str):
                document = document.get(step, _ABSENT)
            elif isinstance(document, list) and isinstance(step, int) and step < len(document):
                document = document[step]
            else:
                return _ABSENT
        return document

    return select


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wildcard(text: str) -> Callable[[str], bool]:
    """A comparison with a text in which ``*`` stands for any characters."""
    first, *rest = text.split("*")
    if not rest:
        return lambda value: value == text
    *middle, last = rest

    def matches(value: str) -> bool:
        at, end = len(first), len(value) - len(last)
        if at > end or not value.startswith(first) or not value.endswith(last):
            return False
        for part in middle:
            at = value.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches
