"""The form of captured records and of the names of their objects."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from bakehouse.hosting.capture import capture_line, endpoint_and_variant, object_key
from bakehouse.hosting.types import Capture, Invocation, Prediction
from support.hosting_parts import CAPTURE, record

AT = datetime(2026, 11, 23, 4, 5, 6, 789_000, tzinfo=UTC)
PNG = Invocation(b"\x89PNG\xff", "image/png")
ANSWER = Prediction(b"[0.9, 0.1]", "application/json", "AllTraffic")


def line(
    asked: Invocation = PNG, answered: Prediction = ANSWER, capture: Capture = CAPTURE
) -> bytes:
    return capture_line(capture, asked, answered, at=AT, event_id="e-1")


def test_a_record_is_written_as_aws_writes_it() -> None:
    """Compact separators, this order of keys, base64 of the picture, the answer as it came."""
    picture = base64.b64encode(PNG.body)
    assert line() == (
        b'{"captureData":{"endpointInput":{"observedContentType":"image/png","mode":"INPUT","data":"'
        + picture
        + b'","encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json",'
        b'"mode":"OUTPUT","data":"[0.9, 0.1]","encoding":"JSON"}},"eventMetadata":{"eventId":"e-1",'
        b'"inferenceTime":"2026-11-23T04:05:06Z"},"eventVersion":"0"}\n'
    )


def test_only_the_sides_that_are_asked_for_are_there() -> None:
    """One capture mode gives one side; InputAndOutput gives both."""
    sides = {
        mode: list(record(line(capture=replace(CAPTURE, modes=(mode,))))["captureData"])
        for mode in ("Input", "Output", "InputAndOutput")
    }
    assert sides == {
        "Input": ["endpointInput"],
        "Output": ["endpointOutput"],
        "InputAndOutput": ["endpointInput", "endpointOutput"],
    }


def test_what_the_caller_says_of_the_event_is_kept() -> None:
    """An inference id and custom attributes appear when, and only when, the caller sent them."""
    told = replace(PNG, inference_id="95", custom_attributes="a=b")
    assert record(line(told))["eventMetadata"] == {
        "eventId": "e-1",
        "customAttributes": ["a=b"],
        "inferenceId": "95",
        "inferenceTime": "2026-11-23T04:05:06Z",
    }


def test_text_is_kept_as_text_where_its_type_is_listed() -> None:
    """Types match without their parameters; the text is neither parsed nor stripped."""
    asked = Invocation(b"1,2,\xc3\xa9\n", "text/csv; charset=utf-8")
    side = record(line(asked))["captureData"]["endpointInput"]
    assert (side["encoding"], side["data"]) == ("CSV", "1,2,\u00e9\n")
    assert side["observedContentType"] == "text/csv; charset=utf-8"


def test_everything_else_is_base64() -> None:
    """Unlisted types, absent ones, and listed text that is not UTF-8 come as base64."""
    bodies = [
        Invocation(b"{}", "application/x-other"),
        Invocation(b"x", None),
        Invocation(b"\xff", "text/csv"),
    ]
    sides = [record(line(asked))["captureData"]["endpointInput"] for asked in bodies]
    assert [side["encoding"] for side in sides] == ["BASE64"] * 3
    assert [base64.b64decode(side["data"]) for side in sides] == [b"{}", b"x", b"\xff"]
    assert sides[1]["observedContentType"] is None


def test_an_object_is_named_by_the_time_of_its_first_record() -> None:
    """Hour folders and MM-SS-mmm in UTC, whatever the zone of the clock."""
    east = AT.astimezone(timezone(timedelta(hours=5)))
    key = object_key("captured/", "Scones", "AllTraffic", opened=east, tail="u-1")
    assert key == "captured/Scones/AllTraffic/2026/11/23/04/05-06-789-u-1.jsonl"
    assert endpoint_and_variant(key) == ("Scones", "AllTraffic")


def test_a_destination_may_be_a_whole_bucket() -> None:
    """Without a prefix the key begins with the endpoint's name."""
    key = object_key("", "Scones", "AllTraffic", opened=AT, tail="u-1")
    assert key.startswith("Scones/AllTraffic/2026/")
