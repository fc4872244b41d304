"""Data capture as AWS writes it: one line of JSON for each request, and where the line goes.

The forms (key order, compact separators, encodings, object names) are those of captured traffic
that SageMaker wrote.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson

from bakehouse import clock
from bakehouse.hosting.types import Capture, Invocation, Prediction


def capture_line(
    capture: Capture, asked: Invocation, answered: Prediction, *, at: datetime, event_id: str
) -> bytes:
    """The record of one answered invocation, as UTF-8 with its ending newline.

    Args:
        capture: decides which sides are recorded and how.
        asked: the request.
        answered: the answer.
        at: the time of the request; written in whole seconds, UTC.
        event_id: a fresh UUID.
    """
    sides: dict[str, Any] = {}
    if {"Input", "InputAndOutput"} & set(capture.modes):
        sides["endpointInput"] = _side(capture, "INPUT", asked.content_type, asked.body)
    if {"Output", "InputAndOutput"} & set(capture.modes):
        sides["endpointOutput"] = _side(capture, "OUTPUT", answered.content_type, answered.body)
    event: dict[str, Any] = {"eventId": event_id}
    if asked.custom_attributes is not None:
        event["customAttributes"] = [asked.custom_attributes]
    if asked.inference_id is not None:
        event["inferenceId"] = asked.inference_id
    event["inferenceTime"] = clock.to_iso(at)
    record = {"captureData": sides, "eventMetadata": event, "eventVersion": "0"}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def object_key(prefix: str, endpoint: str, variant: str, *, opened: datetime, tail: str) -> str:
    """Where the records that begin at ``opened`` go: hour folders, then ``MM-SS-mmm-<tail>.jsonl``.

    ``prefix`` is the destination's key prefix, with or without its last ``/``, or empty.
    """
    utc = opened.astimezone(UTC)
    name = f"{utc:%M-%S}-{utc.microsecond // 1000:03d}-{tail}.jsonl"
    parts = [prefix.rstrip("/"), endpoint, variant, f"{utc:%Y/%m/%d/%H}", name]
    return "/".join(part for part in parts if part)


def endpoint_and_variant(key: str) -> tuple[str, str]:
    """The names in a key that :func:`object_key` made."""
    parts = key.split("/")
    return parts[-7], parts[-6]


def _side(capture: Capture, mode: str, content_type: str | None, body: bytes) -> dict[str, Any]:
    encoding, data = _encoded(capture, content_type, body)
    return {
        "observedContentType": content_type,
        "mode": mode,
        "data": data,
        "encoding": encoding,
    }


def _encoded(capture: Capture, content_type: str | None, body: bytes) -> tuple[str, str]:
    """The body as text where its type is listed; text that is not UTF-8 is base64 after all."""
    plain_type = (content_type or "").partition(";")[0].strip().lower()
    for encoding, types in (("CSV", capture.csv_types), ("JSON", capture.json_types)):
        if plain_type in (listed.lower() for listed in types):
            try:
                return encoding, body.decode()
            except UnicodeDecodeError:
                break
    return "BASE64", base64.b64encode(body).decode("ascii")
