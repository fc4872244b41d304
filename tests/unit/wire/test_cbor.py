"""CBOR: what we write, what we read, and what we refuse to read."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import RpcV2CBORParser
from hypothesis import given, settings
from hypothesis import strategies as st

from bakehouse.wire.cbor import DEPTH, ITEMS, CborError, dumps, loads

MOMENT = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=30), inner),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_again(value: Any) -> None:
    """Every value comes back as it was."""
    assert loads(dumps(value)) == value


@given(VALUES.filter(lambda value: value is not None))
@settings(max_examples=100, deadline=None)
def test_botocore_reads_what_we_write(value: Any) -> None:
    """An outside reader finds the same, but for what is null."""
    parser = RpcV2CBORParser()
    stream = parser.get_peekable_stream_from_bytes(dumps(value))
    assert without_null(parser.parse_data_item(stream)) == without_null(value)


def without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_null(v) for k, v in value.items() if v is not None}
    return [without_null(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1bffffffffffffffff", 2**64 - 1),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("fa47c35000", 100000.0),
        ("fb7e37e43c8800759c", 1e300),
        ("f97c00", math.inf),
        ("f7", None),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("c1fb41dac10ab0100000", MOMENT),
        ("c11a514b67b0", datetime(2013, 3, 21, 20, 4, tzinfo=UTC)),
    ],
)
def test_forms_that_others_write(encoded: str, value: Any) -> None:
    """Examples of RFC 8949, appendix A, among them values of unknown length."""
    assert loads(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "1818 00".replace(" ", ""),
        "18",
        "62ff",
        "62fffe",
        "a1",
        "a10101",
        "9f01",
        "5f4101",
        "5f6161ff",
        "7f7f6161ffff",
        "ff",
        "1c",
        "f8ff",
        "c482196ab3",
        "c2420100",
        "c16161",
        "c1f5",
        "c1fb7e37e43c8800759c",
        "d81c80",
        "d81d00",
        "9b7fffffffffffffff00",
        "bbffffffffffffffff",
        "5bffffffffffffffff",
        "7b00000000ffffffff61",
    ],
)
def test_what_is_refused(encoded: str) -> None:
    """Cut off, followed by more, of unknown form, or of a kind that nobody needs here."""
    with pytest.raises(CborError):
        loads(bytes.fromhex(encoded))


def test_depth_and_number_are_bounded() -> None:
    """A few bytes cannot make the reader recurse or fill the memory."""
    assert loads(b"\x81" * DEPTH + b"\x80") is not None
    with pytest.raises(CborError, match="deeper"):
        loads(b"\x81" * 100_000 + b"\x80")
    with pytest.raises(CborError, match="items"):
        loads(b"\x9f" + b"\x80" * (ITEMS + 1) + b"\xff")


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(encoded: bytes) -> None:
    """Nothing else comes out than a value, which can be written again, or the one error."""
    with contextlib.suppress(CborError):
        dumps(loads(encoded))


def test_a_moment_is_told_to_the_millisecond() -> None:
    """A moment is tag 1 with seconds, as the protocol wants it."""
    assert loads(dumps({"at": MOMENT})) == {"at": MOMENT}


def test_what_has_no_form_is_a_mistake_of_ours() -> None:
    """A set is nothing that an operation answers with."""
    with pytest.raises(TypeError, match="set"):
        dumps({"a": {1, 2}})
