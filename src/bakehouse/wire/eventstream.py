"""Event streams (``application/vnd.amazon.eventstream``): messages that are sent as they come.

A message is a prelude (its length, its headers' length, a CRC-32 of both), headers, a payload, and
a CRC-32 of everything before. What an event looks like is in the model: a member may be its whole
payload, else its members are, as JSON.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import orjson
from botocore.model import Shape

from bakehouse.wire.types import AwsError, Params

_log = logging.getLogger(__name__)

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_HEADER_BYTES = 32_000
_OVERHEAD = 16

Event = Callable[[Any], tuple[str, bytes]]
"""Takes an event's members and gives its content type and its payload."""
Framer = Callable[[AsyncIterator[Params]], AsyncIterator[bytes]]
"""Takes events, each ``{type: members}``, and gives messages."""


def is_event_stream(shape: Shape) -> bool:
    """Whether a member of an answer is a stream of events."""
    return bool(shape.serialization.get("eventstream"))


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with these headers, all of them text."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", _OVERHEAD + len(head) + len(payload), len(head))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return start + struct.pack(">I", zlib.crc32(start))


def _header(name: str, value: str) -> bytes:
    raw_name, raw = name.encode(), value.encode()
    if len(raw) > _HEADER_BYTES:  # cut between two characters
        raw = raw[:_HEADER_BYTES].decode("utf-8", "ignore").encode()
    return bytes([len(raw_name)]) + raw_name + struct.pack(">BH", _STRING, len(raw)) + raw


def framer(shape: Shape, writer: Callable[[Shape], Callable[[Any], Any]]) -> Framer:
    """What turns the events of a stream into messages.

    Args:
        shape: the stream's: its members are the types of events, errors among them.
        writer: gives the writer of a shape as a value for JSON.
    """
    events = {name: _event(member, writer) for name, member in shape.members.items()}

    async def frame(produced: AsyncIterator[Params]) -> AsyncIterator[bytes]:
        try:
            async for event in produced:
                [(name, members)] = event.items()
                content_type, payload = events[name](members)
                kinds = {":message-type": "event", ":event-type": name}
                yield encode_message({**kinds, ":content-type": content_type}, payload)
        except AwsError as error:
            yield _failure(error, shape, events)
        except Exception:  # noqa: BLE001  # the status is sent: this is the last that can be told
            _log.exception("A stream of events failed.")
            failed = AwsError("InternalFailure", "The stream failed.", 500)
            yield _failure(failed, shape, events)
        finally:
            if isinstance(produced, AsyncGenerator):
                await produced.aclose()

    return frame


def _event(shape: Shape, writer: Callable[[Shape], Callable[[Any], Any]]) -> Event:
    marked = [n for n, member in shape.members.items() if "eventpayload" in member.serialization]
    if not marked:
        write = writer(shape)
        return lambda members: ("application/json", orjson.dumps(write(members)))
    [payload] = marked
    if shape.members[payload].type_name == "blob":
        return lambda members: ("application/octet-stream", members.get(payload, b""))
    write_payload = writer(shape.members[payload])
    return lambda members: ("application/json", orjson.dumps(write_payload(members[payload])))


def _failure(error: AwsError, shape: Shape, events: Mapping[str, Event]) -> bytes:
    """The last message of a stream that failed: as modelled for it, else as a plain error."""
    if error.code not in events:
        headers = {":message-type": "error", ":error-code": error.code}
        return encode_message({**headers, ":error-message": error.message}, b"")
    spelling = next(n for n in shape.members[error.code].members if n.lower() == "message")
    content_type, payload = events[error.code]({spelling: error.message, **error.fields})
    kinds = {":message-type": "exception", ":exception-type": error.code}
    return encode_message({**kinds, ":content-type": content_type}, payload)
