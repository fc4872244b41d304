"""The three handlers alone, with input dictionaries, as their developer would test them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

Load = Callable[..., ModuleType]
EVENT = {"s3_bucket": "b", "s3_key": "run/test/bike.png", "inference_id": "image-0001"}


def stream(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


# --- serialize ------------------------------------------------------------------------------------


def test_serialize_adds_the_object_as_base64_text(handler: Load) -> None:
    """The event comes back whole, with the object's bytes as ASCII base64."""
    module = handler("serialize")
    with Stubber(module.s3()) as stub:
        stub.add_response(
            "get_object",
            {"Body": stream(b"\x89PNG"), "ContentLength": 4},
            {"Bucket": "b", "Key": "run/test/bike.png"},
        )
        result = module.lambda_handler(EVENT, None)
    assert result == {**EVENT, "image_data": base64.b64encode(b"\x89PNG").decode()}
    assert json.loads(json.dumps(result)) == result


def test_serialize_refuses_an_image_that_no_execution_can_carry(handler: Load) -> None:
    """An image whose base64 text would pass 262,144 bytes is refused before it is read."""
    module = handler("serialize")
    with Stubber(module.s3()) as stub:
        stub.add_response("get_object", {"Body": stream(b""), "ContentLength": 190_001})
        with pytest.raises(module.ImageTooLarge, match="190,001 bytes"):
            module.lambda_handler(EVENT, None)


@pytest.mark.parametrize("event", [{}, {"s3_bucket": "b"}, {**EVENT, "s3_key": 3}])
def test_serialize_names_the_key_that_is_missing(handler: Load, event: dict[str, Any]) -> None:
    """A wrong event is an error that names the key, raised before any call to S3."""
    module = handler("serialize")
    with pytest.raises(module.BadEvent, match=r"'s3_(bucket|key)' as a text"):
        module.lambda_handler(event, None)


# --- classify -------------------------------------------------------------------------------------


def classify(handler: Load, monkeypatch: pytest.MonkeyPatch, answer: bytes, **event: Any) -> Any:
    monkeypatch.setenv("ENDPOINT_NAME", "scones")
    module = handler("classify")
    sent = {"EndpointName": "scones", "ContentType": "application/x-image", "Body": b"picture"}
    if "inference_id" in event:
        sent["InferenceId"] = event["inference_id"]
    with Stubber(module.runtime()) as stub:
        stub.add_response("invoke_endpoint", {"Body": stream(answer)}, sent)
        data = base64.b64encode(b"picture").decode()
        return module.lambda_handler({"image_data": data, **event}, None)


def test_classify_replaces_the_picture_by_its_probabilities(
    handler: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture goes to the endpoint under its inference id and leaves the event."""
    result = classify(handler, monkeypatch, b"[0.75, 0.25]", inference_id="image-0001", more=1)
    assert result == {"inference_id": "image-0001", "more": 1, "inferences": [0.75, 0.25]}


def test_classify_needs_no_inference_id(handler: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an inference id none is sent."""
    assert classify(handler, monkeypatch, b"[1.0, 0.0]") == {"inferences": [1.0, 0.0]}


@pytest.mark.parametrize("answer", [b"oops", b"{}", b"[]", b"0.5"])
def test_classify_refuses_an_answer_without_probabilities(
    handler: Load, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """Anything but a JSON list with something in it is an error that shows the answer."""
    with pytest.raises(ValueError, match="The endpoint answered"):
        classify(handler, monkeypatch, answer)


@pytest.mark.parametrize("event", [{}, {"image_data": "no base64!"}, {"image_data": None},
                                   {"image_data": ""}])  # fmt: skip
def test_classify_names_what_is_wrong_with_the_picture(
    handler: Load, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any]
) -> None:
    """A picture that is missing, empty or no base64 is an error that names `image_data`."""
    monkeypatch.setenv("ENDPOINT_NAME", "scones")
    module = handler("classify")
    with pytest.raises(module.BadEvent, match="image_data"):
        module.lambda_handler(event, None)


# --- filter ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inferences", "label", "confidence"),
    [([0.93, 0.07], 0, 0.93), ([0.01, 0.99], 1, 0.99), ([0, 1], 1, 1), ([0.0, 0.0, 0.95], 2, 0.95)],
)
def test_filter_lets_a_sure_prediction_pass(
    handler: Load,
    monkeypatch: pytest.MonkeyPatch,
    inferences: list[float],
    label: int,
    confidence: float,
) -> None:
    """A best probability at the threshold or above passes, with its class and confidence."""
    monkeypatch.setenv("THRESHOLD", "0.93")
    result = handler("filter").lambda_handler({"inferences": inferences}, None)
    assert result == {"label": label, "confidence": confidence, "threshold": 0.93}


@pytest.mark.parametrize("best", [0.5, 0.9299999, 0.92])
def test_filter_raises_its_own_error_below_the_threshold(
    handler: Load, monkeypatch: pytest.MonkeyPatch, best: float
) -> None:
    """Below the threshold `ThresholdNotMet` is raised, with the confidence in its text."""
    monkeypatch.setenv("THRESHOLD", "0.93")
    module = handler("filter")
    with pytest.raises(module.ThresholdNotMet, match=f"Confidence {best} is below .* 0.93"):
        module.lambda_handler({"inferences": [1 - best, best]}, None)


@pytest.mark.parametrize(
    "inferences",
    [None, [], "[0.1, 0.9]", {"0": 1}, ["0.9"], [True], [1.2], [-0.1], [float("nan")], [None]],
)
def test_filter_refuses_what_is_no_list_of_probabilities(
    handler: Load, monkeypatch: pytest.MonkeyPatch, inferences: Any
) -> None:
    """Nothing but numbers from 0 to 1 is compared; all else is an error, and not a rejection."""
    monkeypatch.setenv("THRESHOLD", "0.93")
    module = handler("filter")
    with pytest.raises(module.BadEvent, match="'inferences'"):
        module.lambda_handler({"inferences": inferences}, None)


@pytest.mark.parametrize("text", [None, "", "high", "0.49", "1", "93", "nan"])
def test_filter_refuses_a_threshold_that_makes_no_sense(
    handler: Load, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """A threshold that is missing, no number or outside [0.5, 1) is an error of its own."""
    if text is None:
        monkeypatch.delenv("THRESHOLD", raising=False)
    else:
        monkeypatch.setenv("THRESHOLD", text)
    module = handler("filter")
    with pytest.raises(module.BadThreshold, match="THRESHOLD must be"):
        module.lambda_handler({"inferences": [0.1, 0.9]}, None)
