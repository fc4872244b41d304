"""Answers that are worth waiting for, told to a client that asks again and again otherwise.

The head of the answer leaves at once, and a blank every few seconds after it: JSON allows blanks
before a document, so no client's read time-out runs while it waits, however long that is, and a
client that has left is noticed. The document follows when there is something to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

from bakehouse.wire.types import Answer, Later, Response


def held(response: Response, later: Later, write: Callable[[Answer], Response]) -> Response:
    """The response to an answer in JSON, with a body that comes later.

    Args:
        response: the answer as it would be now; its head is what is sent.
        later: when to answer, and with what.
        write: makes a response of an answer.
    """
    return replace(response, body=_body(later, write))


async def _body(later: Later, write: Callable[[Answer], Response]) -> AsyncIterator[bytes]:
    ready = asyncio.ensure_future(later.ready())
    try:
        with suppress(asyncio.CancelledError):  # the server ends: what is true now is told
            while not (await asyncio.wait((ready,), timeout=later.pulse_s))[0]:
                yield b" "
    finally:
        ready.cancel()
    body = write(Answer(later.tell())).body
    if isinstance(body, bytes):  # what a serializer makes is
        yield body
