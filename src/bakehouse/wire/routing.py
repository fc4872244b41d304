"""Which operation a REST request means: method, path, fixed query parts and required parameters.

Several operations share a path (``PUT /{Bucket}/{Key+}`` is PutObject, CopyObject and UploadPart);
the one for which the request brings the most of what it demands is meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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


class Router:
    """The routes of one service, grouped by method. Matching takes microseconds."""

    def __init__(self, model: ServiceModel) -> None:
        self._routes: dict[str, list[Route]] = {}
        for name in model.operation_names:
            route = _route(model.operation_model(name))
            self._routes.setdefault(route.method, []).append(route)

    def match(
        self, method: str, path: str, query: Mapping[str, str], headers: Collection[str]
    ) -> tuple[str, dict[str, str]] | None:
        """The operation's name with its path parameters, decoded; None if there is none."""
        best: tuple[int, Route, re.Match[str]] | None = None
        for route in self._routes.get(method, ()):
            found = route.path.fullmatch(path)
            if found is None:
                continue
            weight = route.weight(query, headers)
            if weight >= 0 and (best is None or weight > best[0]):
                best = (weight, route, found)
        if best is None:
            return None
        return best[1].operation, {k: unquote(v) for k, v in best[2].groupdict().items()}


def _route(operation: OperationModel) -> Route:
    uri, _, query = operation.http["requestUri"].partition("?")
    fixed = dict(part.partition("=")[::2] for part in query.split("&") if part)
    queries, headers = _required(operation.input_shape)
    return Route(
        operation.name, operation.http["method"], _path_pattern(uri), fixed, queries, headers
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
