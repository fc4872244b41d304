"""The filters of a JSONPath: ``[?(@.status == 0 && @.year > 1997)]``.

Precedence is that of the language family: ``!`` before ``&&`` before ``||``. A path alone asks
whether it is there. Regular expressions (``=~``) are refused, since a hostile one never ends.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Protocol

from bakehouse.states.json_text import is_number, is_same

Keeps = Callable[[Any, Any], bool]
"""Whether a filter keeps an item, given the item (``@``) and the whole document (``$``)."""
Operand = Callable[[Any, Any], Any]

_DEEPEST = 20
_MISSING = object()


class ReadsPath(Protocol):
    """A compiled path, as far as a filter needs it."""

    @property
    def is_definite(self) -> bool:
        """Whether it names one place only."""
        ...

    def read(self, document: Any) -> Any:
        """What it names; raises LookupError."""
        ...


ParsePath = Callable[[str], ReadsPath]

_SPACE = re.compile(r"\s*")
_PATH = re.compile(r"[@$](?:\.[\w\-]+|\[\s*(?:-?\d+|'[^']*'|\"[^\"]*\")\s*\])*")
_LITERAL = re.compile(
    r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"|(-?\d+\.\d+(?:[eE][-+]?\d+)?)|(-?\d+)|"
    r"(true|false|null)\b"
)
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|in\b|nin\b")


def parse_filter(text: str, at: int, parse_path: ParsePath) -> tuple[Keeps, int]:
    """Compile the filter whose expression starts at a place in a path's text.

    Returns:
        The predicate and where the expression ends.

    Raises:
        ValueError: it is not a filter that we read; the message says where.
    """
    return _parse_any(text, at, parse_path, 0)


def _parse_any(text: str, at: int, parse_path: ParsePath, depth: int) -> tuple[Keeps, int]:
    terms, at = _parse_joined(text, at, "||", parse_path, depth)
    return (terms[0] if len(terms) == 1 else lambda i, d: any(t(i, d) for t in terms)), at


def _parse_all(text: str, at: int, parse_path: ParsePath, depth: int) -> tuple[Keeps, int]:
    terms, at = _parse_joined(text, at, "&&", parse_path, depth)
    return (terms[0] if len(terms) == 1 else lambda i, d: all(t(i, d) for t in terms)), at


def _parse_joined(
    text: str, at: int, joint: str, parse_path: ParsePath, depth: int
) -> tuple[list[Keeps], int]:
    parse = _parse_all if joint == "||" else _parse_one
    term, at = parse(text, at, parse_path, depth)
    terms = [term]
    while text.startswith(joint, at):
        term, at = parse(text, at + 2, parse_path, depth)
        terms.append(term)
    return terms, at


def _parse_one(text: str, at: int, parse_path: ParsePath, depth: int) -> tuple[Keeps, int]:
    if depth > _DEEPEST:
        raise ValueError(f"a filter is nested deeper than {_DEEPEST} levels")
    at = _skip(text, at)
    if text.startswith("!", at):
        inner, at = _parse_one(text, at + 1, parse_path, depth + 1)
        return (lambda item, document: not inner(item, document)), at
    if text.startswith("(", at):
        inner, at = _parse_any(text, at + 1, parse_path, depth + 1)
        if not text.startswith(")", at):
            raise ValueError(f"character {at + 1} should close a bracket of the filter")
        return inner, _skip(text, at + 1)
    return _parse_comparison(text, at, parse_path)


def _parse_comparison(text: str, at: int, parse_path: ParsePath) -> tuple[Keeps, int]:
    left, at = _parse_operand(text, at, parse_path)
    found = _OPERATOR.match(text, at)
    if found is None:
        return (lambda item, document: left(item, document) is not _MISSING), at
    right, at = _parse_operand(text, _skip(text, found.end()), parse_path)
    compare = _COMPARISONS[found.group()]
    return (lambda item, document: compare(left(item, document), right(item, document))), at


def _parse_operand(text: str, at: int, parse_path: ParsePath) -> tuple[Operand, int]:
    if found := _PATH.match(text, at):
        path = parse_path("$" + found.group()[1:])
        read = _read_item if found.group().startswith("@") else _read_document
        return read(path), _skip(text, found.end())
    if found := _LITERAL.match(text, at):
        value = _literal(found)
        return (lambda _item, _document: value), _skip(text, found.end())
    if text.startswith("[", at):
        return _parse_list(text, at + 1, parse_path)
    raise ValueError(f"character {at + 1} starts nothing that a filter compares")


def _parse_list(text: str, at: int, parse_path: ParsePath) -> tuple[Operand, int]:
    values: list[Operand] = []
    at = _skip(text, at)
    while not text.startswith("]", at):
        value, at = _parse_operand(text, at, parse_path)
        values.append(value)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif not text.startswith("]", at):
            raise ValueError(f"character {at + 1} should be a comma or close the list")
    return (lambda item, document: [v(item, document) for v in values]), _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _literal(found: re.Match[str]) -> Any:
    single, double, fraction, whole, word = found.groups()
    if word is not None:
        return {"true": True, "false": False, "null": None}[word]
    if fraction is not None:
        return float(fraction)
    if whole is not None:
        return int(whole)
    return re.sub(r"\\(.)", r"\1", single if single is not None else double)


def _read_item(path: ReadsPath) -> Operand:
    return lambda item, _: _read(path, item)


def _read_document(path: ReadsPath) -> Operand:
    return lambda _, document: _read(path, document)


def _read(path: ReadsPath, document: Any) -> Any:
    try:
        return path.read(document)
    except LookupError:
        return _MISSING


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Order holds between two numbers or two texts; anything else does not match."""

    def holds(left: Any, right: Any) -> bool:
        alike = is_number(left) and is_number(right)
        alike = alike or (isinstance(left, str) and isinstance(right, str))
        return alike and compare(left, right)

    return holds


def _is_among(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(is_same(left, item) for item in right)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": is_same,
    "!=": lambda left, right: not is_same(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _is_among,
    "nin": lambda left, right: left is not _MISSING and not _is_among(left, right),
}
