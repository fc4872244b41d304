"""The ``.lst`` files: which picture has which label.

A line is ``index<TAB>label<TAB>path``: a whole number that is not repeated, the class as a number
(``1`` and ``1.0`` are the same), and the picture's path under the channel's folder. With several
labels there is a column of 0 or 1 for each class. Source: the developer guide's "Train with Image
Format" and im2rec.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.labels import LabelRule
from bakehouse.algorithms.image_classification.numerals import decimal
from bakehouse.faults import shorten

LIST_BYTES = 1 << 30
PATH_BYTES, NAME_BYTES = 1024, 255
"""The longest path, which is S3's longest key, and the longest name in one, which is the disk's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list: a picture and its labels."""

    labels: tuple[int, ...]
    """One class number, or a 0 or 1 for each class."""
    path: str
    """Relative to the channel's folder, checked to stay inside."""


def read_list(path: Path, channel: str, rule: LabelRule) -> list[Entry]:
    """Read a ``.lst`` file.

    Args:
        path: the file.
        channel: ``train`` or ``validation``, for the error's text.
        rule: what the labels may be.

    Raises:
        CustomerError: the file is empty, too large or no text, or a line is not of the form; AWS's
            sentence, then the line and what is wrong with it.
    """
    entries: list[Entry] = []
    indexes: set[int] = set()
    for number, line in enumerate(_lines(path, channel), start=1):
        if not line.strip():
            continue
        try:
            index, entry = _entry(line, rule)
            _add_new(index, indexes)
        except ValueError as error:
            raise invalid_list(channel, f"{path.name}, line {number}: {error}.") from error
        entries.append(entry)
    if not entries:
        raise invalid_list(channel, f"{path.name} holds no line.")
    return entries


def invalid_list(channel: str, detail: str) -> CustomerError:
    """AWS's sentence about a list, with our detail after it."""
    return CustomerError(f"Invalid lst file in the {channel} channel. {detail}")


def _add_new(index: int, indexes: set[int]) -> None:
    if index in indexes:
        raise ValueError(f"the index {index} is there already")
    indexes.add(index)


def _lines(path: Path, channel: str) -> list[str]:
    if path.stat().st_size > LIST_BYTES:
        raise invalid_list(channel, f"{path.name} is larger than {LIST_BYTES} bytes.")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid_list(channel, f"{path.name} is not text in UTF-8.") from error
    return text.replace("\r\n", "\n").split("\n")


def _entry(line: str, rule: LabelRule) -> tuple[int, Entry]:
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) < 3:
        raise ValueError(
            f"{shorten(repr(line))} has {len(fields)} fields separated by tabs instead of 3 or more"
        )
    index, *labels, path = fields
    numbers = [_decimal("label", label) for label in labels]
    return _whole("index", index), Entry(rule.check(numbers), _inside(path))


def _whole(what: str, text: str) -> int:
    value = _decimal(what, text)
    if value != int(value):
        raise ValueError(f"the {what} is {shorten(repr(text))}, which is not a whole number")
    return int(value)


def _decimal(what: str, text: str) -> float:
    try:
        return decimal(text)
    except ValueError as error:
        raise ValueError(f"the {what} is {shorten(repr(text))}, which is no number") from error


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ValueError(
            f"the path {shorten(repr(text))} does not stay inside the channel's folder"
        )
    if len(text.encode()) > PATH_BYTES or any(
        len(name.encode()) > NAME_BYTES for name in path.parts
    ):
        raise ValueError(
            f"the path {shorten(repr(text))} is too long: {PATH_BYTES} bytes at most,"
            f" {NAME_BYTES} in each name"
        )
    return str(path)
