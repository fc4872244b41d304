"""RecordIO: many pictures with their labels in one file, as MXNet's ``im2rec`` packs them.

A record is a magic number, a length whose upper three bits say which part of a payload it is, the
bytes, and zeros up to the next multiple of four; all little-endian. A payload that holds the magic
number at a multiple of four is cut there, and the reader puts the number back between the parts.
A picture's payload is a header (how many labels follow, one label, two identifiers), the labels if
any follow, and the encoded picture. Sources: dmlc-core ``recordio.h``, MXNet ``image_recordio.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_WORD = 4
_PARTS, _LENGTH = 29, (1 << 29) - 1
WHOLE, FIRST, MIDDLE, LAST = range(4)
_HEADER = struct.Struct("<IfQQ")
MOST_LABELS = 1 << 16
MOST_PARTS = 1 << 16
"""Of one record; more are no picture."""


class Damaged(ValueError):
    """The file is not of the form; the message ends a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies: of its first part, in bytes from the file's start, and its number."""

    number: int
    offset: int
    size: int
    """Of the payload, in bytes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a record says."""

    labels: tuple[float, ...]
    identifier: int
    content: bytes
    """An encoded picture."""


def find_records(file: BinaryIO, size: int) -> Iterator[Place]:
    """Find every record, reading nothing but their heads.

    Args:
        file: open for reading.
        size: of the file, in bytes.

    Raises:
        Damaged: a head is not of the form, or the file ends within a record.
    """
    offset = number = 0
    while offset < size:
        start, payload, parts = offset, 0, 0
        while True:
            part, length = _head(file, offset, size, number)
            _check_part(part, parts, number, offset)
            offset += 2 * _WORD + _padded(length)
            payload += length + (_WORD if part in (MIDDLE, LAST) else 0)
            parts += 1
            if part in (WHOLE, LAST):
                break
        yield Place(number, start, payload)
        number += 1


def read_payload(file: BinaryIO, place: Place) -> bytes:
    """The bytes of a record that was found, its parts put together again."""
    file.seek(place.offset)
    parts = []
    while True:
        _, head = struct.unpack("<II", file.read(2 * _WORD))
        length = head & _LENGTH
        parts.append(file.read(_padded(length))[:length])
        if head >> _PARTS in (WHOLE, LAST):
            return _MAGIC_BYTES.join(parts)


def unpack_picture(payload: bytes, place: Place) -> Picture:
    """Take a payload apart.

    Raises:
        Damaged: it is too short for what its header says.
    """
    if len(payload) < _HEADER.size:
        raise Damaged(
            f"record {place.number} has {len(payload)} bytes; a header has {_HEADER.size}"
        )
    count, label, identifier, _ = _HEADER.unpack_from(payload)
    if count > MOST_LABELS or _HEADER.size + _WORD * count > len(payload):
        raise Damaged(f"record {place.number} says that {count} labels follow; they do not")
    labels = struct.unpack_from(f"<{count}f", payload, _HEADER.size) if count else (label,)
    return Picture(labels, identifier, payload[_HEADER.size + _WORD * count :])


def pack_picture(labels: Sequence[float], identifier: int, content: bytes) -> bytes:
    """A picture's payload; a single label goes into the header, several after it."""
    if len(labels) == 1:
        return _HEADER.pack(0, labels[0], identifier, 0) + content
    header = _HEADER.pack(len(labels), 0.0, identifier, 0)
    return header + struct.pack(f"<{len(labels)}f", *labels) + content


def write_record(file: BinaryIO, payload: bytes) -> int:
    """Append a record.

    Returns:
        How many bytes were written.
    """
    parts = _cut(payload)
    for number, part in enumerate(parts):
        if len(parts) == 1:
            kind = WHOLE
        else:
            kind = FIRST if number == 0 else LAST if number == len(parts) - 1 else MIDDLE
        file.write(struct.pack("<II", MAGIC, kind << _PARTS | len(part)))
        file.write(part + bytes(_padded(len(part)) - len(part)))
    return sum(2 * _WORD + _padded(len(part)) for part in parts)


def write_file(path: Path, pictures: Iterator[Picture]) -> list[tuple[int, int]]:
    """Write pictures as a file.

    Returns:
        Identifier and byte offset of each, as an ``.idx`` file lists them.
    """
    index, offset = [], 0
    with path.open("wb") as file:
        for one in pictures:
            index.append((one.identifier, offset))
            payload = pack_picture(one.labels, one.identifier, one.content)
            offset += write_record(file, payload)
    return index


def _cut(payload: bytes) -> list[bytes]:
    """Cut a payload at every magic number that begins at a multiple of four."""
    if len(payload) > _LENGTH:
        raise ValueError(f"A record holds at most {_LENGTH} bytes, not {len(payload)}.")
    parts, start, at = [], 0, payload.find(_MAGIC_BYTES)
    while at >= 0:
        if at % _WORD == 0 and at >= start:
            parts.append(payload[start:at])
            start = at + _WORD
            at = payload.find(_MAGIC_BYTES, start)
        else:
            at = payload.find(_MAGIC_BYTES, at + 1)
    return [*parts, payload[start:]]


def _head(file: BinaryIO, offset: int, size: int, number: int) -> tuple[int, int]:
    """Which part of a record begins at a place, and how many bytes it has."""
    where = f"record {number}, at byte {offset},"
    file.seek(offset)
    raw = file.read(2 * _WORD)
    if len(raw) < 2 * _WORD:
        raise Damaged(f"{where} is cut off: {len(raw)} bytes of its head are there")
    magic, head = struct.unpack("<II", raw)
    if magic != MAGIC:
        raise Damaged(f"{where} begins with {magic:#010x}; a record begins with {MAGIC:#010x}")
    part, length = head >> _PARTS, head & _LENGTH
    if offset + 2 * _WORD + length > size:
        raise Damaged(f"{where} has {length} bytes; the file ends before")
    return part, length


def _check_part(part: int, before: int, number: int, offset: int) -> None:
    expected = (WHOLE, FIRST) if before == 0 else (MIDDLE, LAST)
    if part not in expected or before >= MOST_PARTS:
        raise Damaged(
            f"record {number}, at byte {offset}, has a part of kind {part}; expected was"
            f" {expected[0]} or {expected[1]}"
        )


def _padded(length: int) -> int:
    return -(-length // _WORD) * _WORD
