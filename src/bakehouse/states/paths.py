"""JSONPath as Step Functions speaks it: the Jayway dialect, without its functions.

A path is *definite* if it can only name one place (``$.a['b'][0]``); reading it gives what is
there and it is an error if nothing is. Every other path (wildcards, slices, unions, ``..``,
filters) gives a list of what it found, which may be empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bakehouse.states.filters import parse_filter

Select = Callable[[Any, Any], Iterator[Any]]
"""One step of a path that may find many: from a node (and the whole document) to nodes."""

Part = str | int | tuple[str, ...] | Select
"""A step as it is read: a name, an index, several names, or anything else."""

_MOST_CHARACTERS = 2000
_MOST_NODES = 100_000  # each `..` may multiply what is found by the depth of the document


class BadPath(ValueError):
    """A text is not a path that Step Functions accepts. The message says what is wrong."""


class PathMissing(LookupError):
    """A definite path names a place that a document does not have."""


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path.

    ``keys`` are the names and indexes of a definite path; ``steps`` of any other follow them.
    """

    text: str
    is_context: bool
    """Whether it starts with ``$$`` and so reads the context object."""
    keys: tuple[str | int, ...]
    steps: tuple[Select, ...] = ()
    names: tuple[str, ...] = ()
    """Several names at the end of ``keys``: one object with those of them that are there."""

    @property
    def is_definite(self) -> bool:
        """Whether it can only name one place."""
        return not self.steps and not self.names

    def read(self, document: Any) -> Any:
        """What the path names in a document: a value, or a list for a path that is not definite.

        Raises:
            PathMissing: the path is definite and there is nothing at its place, or it is not and
                finds more than can be.
        """
        if self.is_definite:
            return _descend(document, self.keys)
        if self.names:
            return _pick(_descend(document, self.keys), self.names)
        try:
            nodes = [_descend(document, self.keys)]
        except PathMissing:
            return []
        for select in self.steps:
            found = (item for node in nodes for item in select(node, document))
            nodes = list(islice(found, _MOST_NODES + 1))
            if len(nodes) > _MOST_NODES:
                raise PathMissing(f"More than {_MOST_NODES} results for path: {self.text}")
        return nodes

    def put(self, document: Any, value: Any) -> Any:
        """A copy of a document with a value at this definite path; missing objects are made.

        Raises:
            PathMissing: the place cannot be made, as inside a text or beyond the end of an array.
        """
        return _put(document, self.keys, value)


def parse_path(text: str) -> Path:
    """Compile a path that starts with ``$`` or, for the context object, ``$$``.

    Raises:
        BadPath: it is not a path, or it uses what AWS refuses (functions such as ``length()``).
    """
    if not text.startswith("$") or len(text) > _MOST_CHARACTERS:
        raise BadPath(f"a path starts with $ and has at most {_MOST_CHARACTERS} characters")
    is_context = text.startswith("$$")
    position = 2 if is_context else 1
    keys: list[str | int] = []
    steps: list[Select] = []
    while position < len(text):
        part, position = _parse_step(text, position)
        if isinstance(part, (str, int)) and not steps:
            keys.append(part)
        elif isinstance(part, tuple) and not steps and position == len(text):
            return Path(text, is_context, tuple(keys), names=part)
        else:
            steps.append(_as_select(part))
    return Path(text, is_context, tuple(keys), tuple(steps))


def _as_select(part: Part) -> Select:
    if isinstance(part, tuple):
        return _select_names(part)
    return _select_key(part) if isinstance(part, (str, int)) else part


def parse_reference(text: str) -> Path:
    """Compile a reference path: definite, and of the input rather than of the context object.

    Raises:
        BadPath: it is something else.
    """
    path = parse_path(text)
    if not path.is_definite or path.is_context:
        raise BadPath("a reference path names exactly one place, by names and indexes")
    return path


# Parsing: each function takes the text and where it stands, and gives what it read and the end.

_NAME = re.compile(r"(?:\\.|[^\s.\[\]()'\"\\*,:@?|&=<>!])+")
_INDEXES = re.compile(r"\s*-?\d+\s*(?:,\s*-?\d+\s*)*\]")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*\]")
_WILDCARD = re.compile(r"\s*\*\s*\]")
_QUOTED = re.compile(r"""\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\s*([,\]])""", re.DOTALL)
_FILTER = re.compile(r"\s*\?\s*")


def _parse_step(text: str, at: int) -> tuple[Part, int]:
    if text.startswith("..", at):
        inner, end = _parse_step(text, at + 1 if text[at + 2 : at + 3] != "[" else at + 2)
        return _everywhere(_as_select(inner)), end
    if text.startswith(".*", at):
        return _select_all, at + 2
    if text.startswith(".", at) and (name := _NAME.match(text, at + 1)):
        if text.startswith("(", name.end()):
            raise BadPath("functions are not supported in a path")
        return _unescape(name.group()), name.end()
    if text.startswith("[", at):
        return _parse_bracket(text, at + 1)
    raise BadPath(f"character {at + 1} cannot stand there")


def _parse_bracket(text: str, at: int) -> tuple[Part, int]:
    if found := _WILDCARD.match(text, at):
        return _select_all, found.end()
    if found := _SLICE.match(text, at):
        first, last = (int(bound) if bound not in ("", "-") else None for bound in found.groups())
        return _select_slice(first, last), found.end()
    if found := _INDEXES.match(text, at):
        indexes = [int(index) for index in found.group()[:-1].split(",")]
        return (indexes[0] if len(indexes) == 1 else _select_indexes(indexes)), found.end()
    if found := _FILTER.match(text, at):
        return _parse_filter_step(text, found.end())
    return _parse_names(text, at)


def _parse_names(text: str, at: int) -> tuple[str | tuple[str, ...], int]:
    names: list[str] = []
    more = ","
    while more == ",":
        found = _QUOTED.match(text, at)
        if found is None:
            raise BadPath(f"character {at + 1} starts neither a quoted name nor an index")
        names.append(_unquote(found))
        more, at = found.group(3), found.end()
    return (names[0] if len(names) == 1 else tuple(names)), at


def _parse_filter_step(text: str, at: int) -> tuple[Select, int]:
    try:
        keeps, end = parse_filter(text, at, parse_path)
    except ValueError as error:
        raise BadPath(str(error)) from error
    if not text.startswith("]", end):
        raise BadPath(f"character {end + 1} should close the filter")

    def select(node: Any, document: Any) -> Iterator[Any]:
        items = node if isinstance(node, list) else [node] if isinstance(node, dict) else []
        return (item for item in items if keeps(item, document))

    return select, end + 1


def _unquote(found: re.Match[str]) -> str:
    """Only the quote around a name and the backslash are escaped in it; AWS keeps other pairs."""
    single, double, _ = found.groups()
    return re.sub(r"\\(['\\])", r"\1", single) if single is not None else _unescape(double)


def _unescape(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name, flags=re.DOTALL)


# Steps that may find many


def _select_key(key: str | int) -> Select:
    def select(node: Any, _: Any) -> Iterator[Any]:
        try:
            yield _descend(node, (key,))
        except PathMissing:
            return

    return select


def _select_all(node: Any, _: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        return iter(node.values())
    return iter(node if isinstance(node, list) else ())


def _select_slice(first: int | None, last: int | None) -> Select:
    return lambda node, _: iter(node[first:last] if isinstance(node, list) else ())


def _select_indexes(indexes: list[int]) -> Select:
    selects = [_select_key(index) for index in indexes]
    return lambda node, document: (item for one in selects for item in one(node, document))


def _select_names(names: tuple[str, ...]) -> Select:
    return lambda node, _: iter([_pick(node, names)] if isinstance(node, dict) else ())


def _everywhere(select: Select) -> Select:
    """The step applied to a node and to all that is inside it, outer before inner."""

    def select_deep(node: Any, document: Any) -> Iterator[Any]:
        waiting = [node]
        while waiting:
            inner = waiting.pop()
            yield from select(inner, document)
            waiting.extend(reversed(list(_select_all(inner, document))))

    return select_deep


# Definite paths


def _pick(node: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise PathMissing(f"Expected to find an object with properties {list(names)}")
    return {name: node[name] for name in names if name in node}


def _descend(node: Any, keys: tuple[str | int, ...]) -> Any:
    for depth, key in enumerate(keys):
        if isinstance(key, str):
            if not isinstance(node, dict) or key not in node:
                raise PathMissing(_why_missing(node, keys, depth))
        elif not isinstance(node, list) or not -len(node) <= key < len(node):
            raise PathMissing(_why_missing(node, keys, depth))
        node = node[key]
    return node


def _why_missing(node: Any, keys: tuple[str | int, ...], depth: int) -> str:
    """The sentences of the library that AWS reads paths with."""
    key = keys[depth]
    if isinstance(key, str) and isinstance(node, dict):
        if depth == len(keys) - 1:
            return f"No results for path: {_normal(keys)}"
        return f"Missing property in path {_normal(keys[: depth + 1])}"
    if isinstance(key, str):
        return (
            f"Expected to find an object with property ['{key}'] in path {_normal(keys[:depth])} "
            f"but found {_kind(node)}."
        )
    if isinstance(node, list):
        return f"Index out of bound when evaluating path {_normal(keys[: depth + 1])}"
    return f"Filter: [{key}] can only be applied to arrays."


def _normal(keys: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"['{key}']" if isinstance(key, str) else f"[{key}]" for key in keys)


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _put(node: Any, keys: tuple[str | int, ...], value: Any) -> Any:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(key, str) and isinstance(node, dict):
        return {**node, key: _put(node.get(key, {}), rest, value)}
    if isinstance(key, int) and isinstance(node, list) and -len(node) <= key < len(node):
        changed = list(node)
        changed[key] = _put(node[key], rest, value)
        return changed
    raise PathMissing(_why_missing(node, keys, 0))
