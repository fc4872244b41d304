from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.algorithms.image_classification.recordio import (
    MAGIC,
    Damaged,
    Picture,
    find_records,
    pack_picture,
    read_payload,
    unpack_picture,
    write_file,
    write_record,
)

MARK = struct.pack("<I", MAGIC)


def read_all(content: bytes) -> list[bytes]:
    """Every payload of a file."""
    file = io.BytesIO(content)
    return [read_payload(file, place) for place in find_records(file, len(content))]


pieces = st.lists(st.one_of(st.binary(max_size=9), st.just(MARK)), max_size=8).map(b"".join)


@given(st.lists(pieces, max_size=5))
def test_what_is_written_is_read(payloads: list[bytes]) -> None:
    """Payloads come back whatever they hold, the magic number at any place included."""
    file = io.BytesIO()
    sizes = [write_record(file, payload) for payload in payloads]
    content = file.getvalue()
    assert sum(sizes) == len(content)
    assert len(content) % 4 == 0
    assert read_all(content) == payloads
    found = list(find_records(io.BytesIO(content), len(content)))
    assert [place.size for place in found] == [len(payload) for payload in payloads]


def test_a_payload_is_cut_at_aligned_magic_numbers_only() -> None:
    """By hand: first part, the number left out, last part; at an odd place nothing is cut."""
    file = io.BytesIO()
    write_record(file, b"abcd" + MARK + b"xy")
    assert file.getvalue() == (
        struct.pack("<II", MAGIC, 1 << 29 | 4)
        + b"abcd"
        + struct.pack("<II", MAGIC, 3 << 29 | 2)
        + b"xy\0\0"
    )
    file = io.BytesIO()
    write_record(file, b"abc" + MARK + b"x")
    assert file.getvalue() == struct.pack("<II", MAGIC, 8) + b"abc" + MARK + b"x"


def test_records_of_eight_bytes_lie_sixteen_apart() -> None:
    """Eight bytes of head and eight of payload."""
    file = io.BytesIO()
    for _ in range(3):
        write_record(file, b"12345678")
    places = find_records(io.BytesIO(file.getvalue()), 48)
    assert [place.offset for place in places] == [0, 16, 32]


@pytest.mark.parametrize("labels", [(3.0,), (1.0, 0.0, 1.0)])
def test_a_picture_is_packed_as_im2rec_does(labels: tuple[float, ...]) -> None:
    """One label is in the header, several behind it."""
    payload = pack_picture(labels, 77, b"jpeg")
    flag, label, identifier, other = struct.unpack("<IfQQ", payload[:24])
    assert (identifier, other) == (77, 0)
    assert (flag, label) == ((0, 3.0) if len(labels) == 1 else (3, 0.0))
    (place,) = find_records(io.BytesIO(b"".join(_record(payload))), 8 + (len(payload) + 3) // 4 * 4)
    assert unpack_picture(payload, place) == Picture(labels, 77, b"jpeg")


def _record(payload: bytes) -> list[bytes]:
    file = io.BytesIO()
    write_record(file, payload)
    return [file.getvalue()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1\2\3", "record 0, at byte 0, is cut off: 3 bytes"),
        (struct.pack("<II", 0x3ED7230A, 0), "begins with 0x3ed7230a"),
        (struct.pack("<II", MAGIC, 5) + b"abc", "has 5 bytes; the file ends before"),
        (struct.pack("<II", MAGIC, 3 << 29), "a part of kind 3; expected was 0 or 1"),
        (struct.pack("<II", MAGIC, 1 << 29) * 2, "a part of kind 1; expected was 2 or 3"),
        (struct.pack("<II", MAGIC, 1 << 29), "is cut off: 0 bytes"),
        (struct.pack("<II", MAGIC, 7 << 29), "a part of kind 7"),
    ],
)
def test_a_damaged_file_is_named_by_record_and_byte(content: bytes, message: str) -> None:
    """Whatever the bytes are, the place is in the sentence."""
    with pytest.raises(Damaged, match=message):
        read_all(content)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"short", "has 5 bytes; a header has 24"),
        (struct.pack("<IfQQ", 9, 0, 0, 0) + b"few", "says that 9 labels follow"),
        (struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0), "says that 4294967295 labels follow"),
    ],
)
def test_a_payload_that_is_no_picture_is_told(payload: bytes, message: str) -> None:
    """The number of the record and what is wrong."""
    (place,) = find_records(io.BytesIO(_record(payload)[0]), len(_record(payload)[0]))
    with pytest.raises(Damaged, match=f"record 0 {message}"):
        unpack_picture(payload, place)


def test_the_index_names_each_records_byte(tmp_path: Path) -> None:
    """As an .idx file lists them."""
    pictures = [Picture((0.0,), 10 * i, b"x" * i) for i in range(4)]
    index = write_file(tmp_path / "a.rec", iter(pictures))
    content = (tmp_path / "a.rec").read_bytes()
    found = list(find_records(io.BytesIO(content), len(content)))
    assert index == [(10 * i, place.offset) for i, place in enumerate(found)]


def test_a_genuine_file_is_read() -> None:
    """Twelve records of detection labels, each a header width and eight more numbers."""
    path = os.environ.get("BAKEHOUSE_RECORDIO")
    if path is None:
        pytest.skip("BAKEHOUSE_RECORDIO names no file that MXNet's im2rec wrote")
    content = Path(path).read_bytes()
    file = io.BytesIO(content)
    pictures = [
        unpack_picture(read_payload(file, place), place)
        for place in find_records(file, len(content))
    ]
    assert len(pictures) == 12
    assert all(len(one.labels) == 9 for one in pictures)
    assert all(one.content[:2] == b"\xff\xd8" for one in pictures)
    offsets = Path(path).with_suffix(".idx").read_text().split()[1::2]
    assert [str(p.offset) for p in find_records(file, len(content))] == offsets
