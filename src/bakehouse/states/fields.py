"""The fields that states are made of: each function checks one and compiles it.

They take the object that the field stands in and the object's path in the definition, and raise
``InvalidDefinition``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bakehouse.faults import shorten
from bakehouse.states.json_text import is_number, to_text
from bakehouse.states.paths import Path, PathMissing
from bakehouse.states.problems import schema_problem
from bakehouse.states.reading import path_at, read, reference_at
from bakehouse.states.scope import Evaluate, Scope, runtime_error
from bakehouse.states.templates import compile_expression
from bakehouse.states.timestamps import parse_timestamp

Fields = Mapping[str, Any]

_MOST_SECONDS = 99_999_999


def require(given: Fields, names: Iterable[str], where: str) -> None:
    """Refuse an object that lacks one of its fields."""
    missing = [name for name in names if name not in given]
    if missing:
        raise schema_problem(f"These fields are required: [{', '.join(missing)}]", where)


def refuse_unknown(given: Fields, known: Iterable[str], where: str) -> None:
    """Refuse an object that has a field that does not belong there."""
    for name in given:
        if name not in known:
            raise schema_problem(f"Field '{name}' is not supported", f"{where}/{name}")


def whole_number(
    given: Fields, name: str, where: str, *, least: int, most: int = _MOST_SECONDS
) -> int | None:
    """A whole number within bounds, or None where the field is left out."""
    if name not in given:
        return None
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise schema_problem(
            f"Value is not a whole number from {least} to {most}", f"{where}/{name}"
        )
    return value


def number(given: Fields, name: str, where: str, *, least: float) -> float | None:
    """A number with a lower bound, or None where the field is left out."""
    if name not in given:
        return None
    value = given[name]
    if not is_number(value) or value < least:
        raise schema_problem(f"Value is not a number of at least {least}", f"{where}/{name}")
    return float(value)


# Paths


def data_path(given: Fields, name: str, where: str) -> Evaluate:
    """``InputPath`` or ``OutputPath``: a path, or null for an empty object."""
    text = given.get(name, "$")
    if text is None:
        return lambda _: {}
    path = path_at(text, f"{where}/{name}")
    if not path.is_context and not path.keys and path.is_definite:
        return lambda scope: scope.data
    return lambda scope: _read(path, scope)


def _read(path: Path, scope: Scope) -> Any:
    try:
        return read(path, scope)
    except PathMissing as error:
        raise runtime_error(f"Invalid path '{path.text}' : {error}") from error


def result_path(given: Fields, where: str) -> Path | None:
    """``ResultPath``: where in the input the result goes; None drops the result."""
    text = given.get("ResultPath", "$")
    return None if text is None else reference_at(text, f"{where}/ResultPath")


def text_or_path(given: Fields, name: str, where: str) -> Evaluate | None:
    """A text, or under the name with ``Path`` a path or an intrinsic function's call."""
    _one_at_most(given, (name, f"{name}Path"), where)
    if f"{name}Path" in given:
        read = compile_expression(given[f"{name}Path"], f"{name}Path", f"{where}/{name}Path")
        return lambda scope: checked_text(read(scope), f"{name}Path")
    if name not in given:
        return None
    if not isinstance(given[name], str):
        raise schema_problem("Value is not a string", f"{where}/{name}")
    return lambda _: given[name]


def checked_text(value: Any, name: str) -> str:
    """A value that must be a text at run time.

    Raises:
        StatesError: States.Runtime, naming the field.
    """
    if not isinstance(value, str):
        raise runtime_error(f"The {name} field refers to a value that is not a string")
    return value


def _one_at_most(given: Fields, names: tuple[str, ...], where: str) -> list[str]:
    found = [name for name in names if name in given]
    if len(found) > 1:
        raise schema_problem(f"Only one of these fields may stand: [{', '.join(found)}]", where)
    return found


# Times


def timeout(given: Fields, where: str) -> Evaluate | None:
    """``TimeoutSeconds`` or ``TimeoutSecondsPath``; None for no limit."""
    _one_at_most(given, ("TimeoutSeconds", "TimeoutSecondsPath"), where)
    if "TimeoutSecondsPath" in given:
        path = reference_at(given["TimeoutSecondsPath"], f"{where}/TimeoutSecondsPath")
        return lambda scope: _seconds(path, scope, "TimeoutSecondsPath", least=1)
    seconds = whole_number(given, "TimeoutSeconds", where, least=1)
    return None if seconds is None else lambda _: seconds


def waiting(given: Fields, where: str) -> tuple[Evaluate | None, Evaluate | None]:
    """How a Wait state says how long: as seconds, or as a timestamp in nanoseconds."""
    names = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
    found = _one_at_most(given, names, where)
    if not found:
        raise schema_problem(f"One of these fields is required: [{', '.join(names)}]", where)
    name, here = found[0], f"{where}/{found[0]}"
    if name == "Seconds":
        seconds = whole_number(given, name, where, least=0)
        return (lambda _: seconds), None
    if name == "SecondsPath":
        path = reference_at(given[name], here)
        return (lambda scope: _seconds(path, scope, name, least=0)), None
    if name == "TimestampPath":
        path = reference_at(given[name], here)
        return None, lambda scope: _moment(path, scope)
    moment = parse_timestamp(given[name])
    if moment is None:
        raise schema_problem("Value is not a valid ISO-8601 timestamp with a zone", here)
    return None, lambda _: moment


def _seconds(path: Path, scope: Scope, name: str, *, least: int) -> int:
    value = _read(path, scope)
    shown = f"{path.text} == {shorten(value if isinstance(value, str) else to_text(value))}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise runtime_error(f"The {name} parameter cannot be parsed as a long value: {shown}")
    if value < least:
        what = "a negative value" if least == 0 else "a value that is not positive"
        raise runtime_error(f"The {name} parameter references {what}: {shown}")
    if value > _MOST_SECONDS:
        raise runtime_error(f"The {name} parameter is larger than {_MOST_SECONDS}: {shown}")
    return value


def _moment(path: Path, scope: Scope) -> int:
    value = _read(path, scope)
    moment = parse_timestamp(value)
    if moment is None:
        raise runtime_error(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
            f"date-time format string: {path.text} == "
            f"{shorten(value if isinstance(value, str) else to_text(value))}"
        )
    return moment
