"""Which operation a REST request means: method, path, fixed query parts and required parameters.

Several operations share a path (``PUT /{Bucket}/{Key+}`` is PutObject, CopyObject and UploadPart);
the one for which the request brings the most of what it demands is meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from botocore.model import OperationModel, ServiceModel, Shape

_PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """What a request must look like to mean one operation."""

    operation: str
    method: str
    path: re.Pattern[str]
    fixed: Mapping[str, str]
    """Query parts that the URI pattern itself names: ``{"list-type": "2"}``."""
    queries: tuple[str, ...]
    headers: tuple[str, ...]
    """Required parameters that travel in the query or in a header, in lower case there."""
    rank: int
    """Of two routes that fit equally well, the one with the lower rank is meant."""

    def weight(self, query: Mapping[str, str], headers: Collection[str]) -> int:
        """How much of what the route demands is there; -1 if any of it is missing."""
        for name, value in self.fixed.items():
            if name not in query or (value and query[name] != value):
                return -1
        if not all(name in query for name in self.queries):
            return -1
        if not all(name in headers for name in self.headers):
            return -1
        return 2 * len(self.fixed) + len(self.queries) + len(self.headers)


class _Place:
    """The routes of one method and path, found by the first thing that each demands.

    Of S3's some 30 operations on an object, those are looked at whose query parameter is there.
    """

    def __init__(self, path: re.Pattern[str]) -> None:
        self.path = path
        self._modest: list[Route] = []
        self._by_query: dict[str, list[Route]] = {}
        self._by_header: dict[str, list[Route]] = {}

    def add(self, route: Route) -> None:
        """Add a route with this path."""
        if queries := (*route.fixed, *route.queries):
            self._by_query.setdefault(queries[0], []).append(route)
        elif route.headers:
            self._by_header.setdefault(route.headers[0], []).append(route)
        else:
            self._modest.append(route)

    def candidates(self, query: Mapping[str, str], headers: Collection[str]) -> Iterator[Route]:
        """The routes that the request can mean, as far as their first demand tells."""
        yield from self._modest
        for name in query:
            yield from self._by_query.get(name, ())
        for name, routes in self._by_header.items():
            if name in headers:
                yield from routes


class Router:
    """The routes of one service, grouped by method and path. Matching takes microseconds."""

    def __init__(self, model: ServiceModel) -> None:
        self._places: dict[str, dict[str, _Place]] = {}
        self._told_apart_by: set[str] = set()
        operations = [model.operation_model(name) for name in model.operation_names]
        # An operation that another one has replaced comes last: it often has the same path.
        in_order = sorted(operations, key=lambda o: bool(o.deprecated))
        for rank, operation in enumerate(in_order):
            route = _route(operation, rank)
            self._told_apart_by |= route.fixed.keys()
            places = self._places.setdefault(route.method, {})
            places.setdefault(route.path.pattern, _Place(route.path)).add(route)

    def match(
        self, method: str, path: str, query: Mapping[str, str], headers: Collection[str]
    ) -> tuple[str, dict[str, str]] | None:
        """The operation's name with its path parameters, decoded; None if there is none.

        A query part that tells operations apart must be one of the operation's own: without this,
        ``DELETE /bucket?versioning``, which is nothing, would delete the bucket.
        """
        best: tuple[int, int] = (-1, 0)
        meant: tuple[Route, re.Match[str]] | None = None
        for place in self._places.get(method, {}).values():
            found = place.path.fullmatch(path)
            if found is None:
                continue
            for route in place.candidates(query, headers):
                weight = route.weight(query, headers), -route.rank
                if weight[0] >= 0 and weight > best:
                    best, meant = weight, (route, found)
        if meant is None or not self._told_apart_by.isdisjoint(
            query.keys() - meant[0].fixed.keys()
        ):
            return None
        return meant[0].operation, {k: unquote(v) for k, v in meant[1].groupdict().items()}


def _route(operation: OperationModel, rank: int) -> Route:
    uri, _, query = operation.http["requestUri"].partition("?")
    fixed = dict(part.partition("=")[::2] for part in query.split("&") if part)
    queries, headers = _required(operation.input_shape)
    return Route(
        operation.name, operation.http["method"], _path_pattern(uri), fixed, queries, headers, rank
    )


def _path_pattern(uri: str) -> re.Pattern[str]:
    pattern, position = "", 0
    for found in _PLACEHOLDER.finditer(uri):
        name, greedy = found.groups()
        pattern += re.escape(uri[position : found.start()])
        pattern += f"(?P<{name}>.+)" if greedy else f"(?P<{name}>[^/]+)"
        position = found.end()
    pattern += re.escape(uri[position:].rstrip("/") if position == 0 else uri[position:])
    return re.compile(pattern + ("" if uri.endswith("+}") else "/?"), re.DOTALL)


def _required(shape: Shape | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    queries: list[str] = []
    headers: list[str] = []
    members = {} if shape is None else shape.members
    for name in () if shape is None else shape.required_members:
        member = members[name]
        where, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "querystring":
            queries.append(wire)
        elif where == "header":
            headers.append(wire.lower())
    return tuple(queries), tuple(headers)
