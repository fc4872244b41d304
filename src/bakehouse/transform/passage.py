"""An object's way through a model: bytes in, cut into payloads, answered, put together."""

from __future__ import annotations

import io
import traceback
import zlib
from collections.abc import Iterator
from gzip import BadGzipFile, GzipFile
from typing import Protocol

from bakehouse.faults import JobFailed, ModelFailed
from bakehouse.transform.job import Order

MOST_BYTES = 1 << 30
"""Of an object that is cut into lines."""
OCTETS = "application/octet-stream"


class Predictor(Protocol):
    """A loaded model; it is called from several threads at once."""

    def predict(self, body: bytes, content_type: str, accept: str | None) -> tuple[bytes, str]:
        """Answer one request: the body and its content type; raises ModelFailed."""
        ...


def transform(content: bytes, key: str, order: Order, predictor: Predictor) -> tuple[bytes, str]:
    """Answer an object.

    Args:
        content: of the object.
        key: what it is called in messages.
        order: how it is cut and put together.
        predictor: the model.

    Returns:
        The answers and their content type.

    Raises:
        JobFailed: it is too large, or the model did not answer a part of it.
    """
    answers, answered_as = [], OCTETS
    for payload in _payloads(_plain(content, key, order), key, order):
        try:
            answer, answered_as = predictor.predict(
                payload, order.content_type or OCTETS, order.accept
            )
        except ModelFailed as failure:
            blame = "ClientError" if 400 <= failure.status < 500 else "AlgorithmError"
            reason = f"{key}: Bad HTTP status received from algorithm: {failure.status}"
            raise JobFailed(blame, f"{reason} ({failure.body})") from failure
        except Exception as error:  # whatever a model's own code raises is its container's failure
            detail = traceback.format_exception_only(error)[-1].strip()
            raise JobFailed("AlgorithmError", f"{key}: {detail}") from error
        answers.append(answer)
    if order.assemble == "Line":
        return b"".join(answer + b"\n" for answer in answers), answered_as
    return b"".join(answers), answered_as


def _plain(content: bytes, key: str, order: Order) -> bytes:
    if not order.compressed:
        return content
    try:
        with GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(MOST_BYTES + 1)
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise JobFailed("ClientError", f"{key}: is not compressed with gzip ({error})") from error
    if len(plain) > MOST_BYTES:
        raise JobFailed("ClientError", f"{key}: is over {MOST_BYTES} bytes, decompressed")
    return plain


def _payloads(content: bytes, key: str, order: Order) -> Iterator[bytes]:
    if order.split == "None":
        yield _bounded(content, key, order)
        return
    gathered: list[bytes] = []
    size = 0
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        _bounded(line, key, order)
        if gathered and (not order.together or size + len(line) + 1 > order.payload_bytes):
            yield b"\n".join(gathered)
            gathered, size = [], 0
        gathered.append(line)
        size += len(line) + 1
    if gathered:
        yield b"\n".join(gathered)


def _bounded(payload: bytes, key: str, order: Order) -> bytes:
    if len(payload) > order.payload_bytes:
        raise JobFailed(
            "ClientError",
            f"{key}: Too much data for max payload size ({len(payload)} bytes; MaxPayloadInMB"
            f" allows {order.payload_bytes})",
        )
    return payload
