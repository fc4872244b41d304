from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bakehouse.algorithms.image_classification.params_files import (
    TYPES,
    read_params,
    write_params,
)
from bakehouse.faults import InvalidInput

LIMIT = 1 << 20
kinds = st.sampled_from(list(TYPES.values())).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=1, max_dims=4, max_side=4))
)


@given(values=st.dictionaries(st.text(max_size=8), kinds, max_size=4))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    """Names, shapes, types and every value come back."""
    path = tmp_path_factory.mktemp("params") / "x.params"
    write_params(path, values)
    found = read_params(path, limit_bytes=LIMIT)
    assert list(found) == list(values)
    for name, value in values.items():
        assert found[name].dtype == value.dtype
        assert found[name].tobytes() == value.tobytes()
        assert found[name].shape == value.shape


def test_the_bytes_are_mxnets(tmp_path: Path) -> None:
    """One array of two floats, by hand: list magic, array of version 2, name."""
    path = tmp_path / "x.params"
    write_params(path, {"arg:w": np.array([1.0, 2.0], np.float32)})
    assert path.read_bytes() == (
        struct.pack("<QQQ", 0x112, 0, 1)
        + struct.pack("<IiIq", 0xF993FAC9, 0, 1, 2)
        + struct.pack("<iii", 1, 0, 0)
        + struct.pack("<ff", 1, 2)
        + struct.pack("<QQ", 1, 5)
        + b"arg:w"
    )


def test_arrays_of_the_older_version_are_read(tmp_path: Path) -> None:
    """Version 1 has no storage type."""
    content = (
        struct.pack("<QQQ", 0x112, 0, 1)
        + struct.pack("<IIq", 0xF993FAC8, 1, 1)
        + struct.pack("<iiif", 2, 0, 0, 7)
        + struct.pack("<QQ", 1, 1)
        + b"w"
    )
    (tmp_path / "x").write_bytes(content)
    assert read_params(tmp_path / "x", limit_bytes=LIMIT)["w"].tolist() == [7]


HEAD = struct.pack("<QQQ", 0x112, 0, 1)
V2 = struct.pack("<Ii", 0xF993FAC9, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes left"),
        (b"PK\3\4" + bytes(40), "begins with"),
        (struct.pack("<QQQ", 0x112, 0, 2**63), "arrays"),
        (HEAD + struct.pack("<I", 5), "an array that begins with 0x5"),
        (HEAD + struct.pack("<Ii", 0xF993FAC9, 1), "storage type 1"),
        (HEAD + V2 + struct.pack("<I", 2**31), "axes"),
        (HEAD + V2 + struct.pack("<Iq", 1, -4) + struct.pack("<iii", 1, 0, 0), "lengths from 0 on"),
        (HEAD + V2 + struct.pack("<Iq", 1, 2**60) + struct.pack("<iii", 1, 0, 0), "bytes left"),
        (HEAD + V2 + struct.pack("<Iq", 1, 0) + struct.pack("<iii", 1, 0, 9), "number type 9"),
        (HEAD + V2 + struct.pack("<I", 0) + struct.pack("<Q", 3), "3 names"),
        (HEAD + V2 + struct.pack("<I", 0) + struct.pack("<QQ", 1, 2**40), "bytes of a name"),
        (HEAD + V2 + struct.pack("<I", 0) + struct.pack("<QQ", 1, 1) + b"\xff", "the name"),
        (HEAD + V2 + struct.pack("<I", 0) + struct.pack("<QQ", 1, 1) + b"ax", "1 more bytes"),
    ],
)
def test_hostile_bytes_are_refused_with_their_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """No size in the file is believed; nothing is taken for it."""
    (tmp_path / "x.params").write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        read_params(tmp_path / "x.params", limit_bytes=LIMIT)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    """Its size is enough to refuse it."""
    (tmp_path / "x.params").write_bytes(bytes(100))
    with pytest.raises(InvalidInput, match="at most 99 bytes"):
        read_params(tmp_path / "x.params", limit_bytes=99)
