"""Forms in whatever pieces they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import urllib3
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.services.s3.form_data import Form, FormReader, boundary_of
from bakehouse.wire.types import AwsError

BOUNDARY = "b0undary"
_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20)
_CONTENT = st.lists(st.sampled_from([b"\r\n", b"--", b"--b0undar", b"\r\n--b0undar", b"x"])).map(
    b"".join
)


class Pieces:
    """A body that arrives in pieces of these sizes, again and again."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content, self._sizes = content, sizes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position, turn = 0, 0
        while position < len(self._content):
            size = self._sizes[turn % len(self._sizes)]
            yield self._content[position : position + size]
            position, turn = position + size, turn + 1

    async def read(self, limit_bytes: int) -> bytes:
        return self._content[:limit_bytes]


async def read(body: Pieces) -> tuple[Form, bytes]:
    """A form with its file."""
    reader = FormReader(body, BOUNDARY.encode())
    form = await reader.form()
    return form, b"".join([chunk async for chunk in reader.file()])


@given(
    st.dictionaries(st.from_regex(r"[a-z-]{1,8}", fullmatch=True), _VALUES, max_size=4),
    _CONTENT,
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_a_form_is_the_same_in_any_pieces(
    fields: dict[str, str], content: bytes, sizes: list[int]
) -> None:
    """As urllib3 writes it; bytes that begin like a boundary are the file's."""
    fields.pop("file", None)
    parts: list[Any] = [*fields.items(), ("file", ("name.txt", content))]
    body, _ = urllib3.encode_multipart_formdata(parts, boundary=BOUNDARY)
    form, found = asyncio.run(read(Pieces(body, sizes)))
    assert (form.fields, form.filename, found) == (fields, "name.txt", content)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_a_form_or_refused(content: bytes, size: int) -> None:
    """With AWS's own errors; nothing else comes out."""
    status = 200
    try:
        asyncio.run(read(Pieces(b"--b0undary\r\n" + content, [size])))
    except AwsError as error:
        status = error.status
    assert status in (200, 400)


@given(st.text(max_size=30))
def test_any_type_has_a_boundary_or_is_refused(text: str) -> None:
    """Whatever a header holds."""
    found, status = b"", 200
    try:
        found = boundary_of(f"multipart/form-data; {text}")
    except AwsError as error:
        status = error.status
    assert (bool(found), status) in ((True, 200), (False, 400))
