"""Paths as they stand in a definition: compiled or refused there, and read within a scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bakehouse.states.paths import BadPath, Path, parse_path, parse_reference
from bakehouse.states.problems import not_built, schema_problem
from bakehouse.states.scope import Scope

_VARIABLE = re.compile(r"\$[^\W\d]")


def path_at(text: Any, where: str) -> Path:
    """Compile a path.

    Args:
        text: what stands in the definition.
        where: its path in the definition.

    Raises:
        InvalidDefinition: it is none, or it names a variable.
    """
    return _parsed(parse_path, text, where, "JSONPath")


def reference_at(text: Any, where: str) -> Path:
    """Compile a reference path: definite, and of the input.

    Raises:
        InvalidDefinition: it is none, or it names a variable.
    """
    return _parsed(parse_reference, text, where, "reference path")


def read(path: Path, scope: Scope) -> Any:
    """What a path names in the data or in the context object.

    Raises:
        PathMissing: there is nothing.
    """
    return path.read(scope.context() if path.is_context else scope.data)


def is_variable(text: Any) -> bool:
    """Whether a text names a variable: ``$name``."""
    return isinstance(text, str) and _VARIABLE.match(text) is not None


def _parsed(parse: Callable[[str], Path], text: Any, where: str, kind: str) -> Path:
    if is_variable(text):
        raise not_built("variables", where)
    try:
        return parse(text if isinstance(text, str) else "")
    except BadPath as error:
        raise schema_problem(f"Value is not a valid {kind}", where) from error
