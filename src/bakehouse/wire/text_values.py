"""Values that travel as text (in headers, a query, a form, XML), and what is wrong with a value.

A reader takes a wire value and the path to it and returns the Python value, or raises
:class:`Malformed`.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.model import Shape

from bakehouse.faults import shorten
from bakehouse.wire.models import timestamp_format

Reader = Callable[[Any, str], Any]
"""Takes a wire value and the path to it."""

_WHOLE = {"integer": 31, "long": 63}
"""Bits of a whole number, beside its sign."""


class Malformed(Exception):
    """The bytes do not have the form of the operation's input. The message says where."""


class MalformedParameter(Malformed):
    """It is not the body: a value in the path, the query or a header does not have its form."""


def read_timestamp(value: Any, form: str, path: str) -> datetime:
    """An aware UTC moment from a number of seconds, an ISO 8601 or an RFC 822 text."""
    try:
        if form == "unixTimestamp" and not (isinstance(value, str) and not _is_number(value)):
            return datetime.fromtimestamp(float(value), UTC)
        if form == "rfc822" and "," in value:
            return parsedate_to_datetime(value).astimezone(UTC)
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{path} is {shorten(repr(value))}, which is no timestamp.") from error


_NUMBER = re.compile(r"[-+0-9.eE]+")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def read_base64(value: Any, path: str) -> bytes:
    """The bytes of a text in base64."""
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as error:
        raise Malformed(f"{path} is not valid base64.") from error


def _read_number(kind: type, value: str, path: str) -> Any:
    if _NUMBER.fullmatch(value) is None:  # Python reads more: 1_000, digits of other scripts
        raise Malformed(f"{path} is {shorten(repr(value))}, which is no number.")
    try:
        return kind(value)
    except ValueError as error:
        raise Malformed(f"{path} is {shorten(repr(value))}, which is no number.") from error


def _read_truth(value: str, path: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Malformed(f"{path} is {shorten(repr(value))}; expected true or false.")
    return value.lower() == "true"


def text_reader(shape: Shape, timestamps: str) -> Reader:
    """A reader for a scalar that travels as text."""
    kind = shape.type_name
    if kind == "timestamp":
        form = timestamp_format(shape, timestamps)
        return lambda value, path: read_timestamp(value, form, path)
    if kind == "blob":
        return read_base64
    if kind in ("integer", "long"):
        return lambda value, path: in_range(kind, _read_number(int, value, path), path)
    if kind in ("float", "double"):
        return lambda value, path: _read_number(float, value, path)
    if kind == "boolean":
        return _read_truth
    return lambda value, path: value


def in_range(kind: str, value: Any, path: str) -> Any:
    """A whole number, if it is one that fits into its kind; any other value as it is."""
    bits = _WHOLE.get(kind)
    if bits is not None and not -(1 << bits) <= value < 1 << bits:
        raise Malformed(f"{shorten(str(value))} is out of range at {path.lstrip('.')}.")
    return value


def check_number(body: bytes, signs: bytes, most: int) -> None:
    """Raise Malformed where a body has more than so many of these bytes in it."""
    if len(body) > most and sum(body.count(sign) for sign in signs) > most:
        raise Malformed(f"The body has more than {most} values.")
