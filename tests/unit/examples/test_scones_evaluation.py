"""From captured records to numbers and to a verdict on the gate."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def record(inference_id: str | None, data: str, encoding: str = "JSON") -> str:
    """A line in the form in which data capture writes it."""
    metadata = {"eventId": "0a1b", "inferenceTime": "2026-11-23T04:00:59Z"}
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    sides = {
        "endpointInput": {
            "observedContentType": "image/png",
            "mode": "INPUT",
            "data": "iVBORw0KGgo=",
            "encoding": "BASE64",
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": data,
            "encoding": encoding,
        },
    }
    document = {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}
    return json.dumps(document, separators=(",", ":"))


# --- Captured records -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("[0.8831928372383118, 0.1168071627616882]", "JSON"),
        ("0.8831928372383118,0.1168071627616882\n", "CSV"),
        (base64.b64encode(b"[0.8831928372383118, 0.1168071627616882]").decode(), "BASE64"),
    ],
)
def test_probabilities_keep_every_digit(evaluation: Any, data: str, encoding: str) -> None:
    """Each encoding of data capture gives the very numbers that the endpoint answered."""
    (captured,) = evaluation.read_captured([record("image-0001", data, encoding)])
    assert captured.probabilities == (0.8831928372383118, 0.1168071627616882)
    assert captured.inference_id == "image-0001"
    assert captured.at == datetime(2026, 11, 23, 4, 0, 59, tzinfo=UTC)
    assert (captured.label, captured.confidence) == (0, 0.8831928372383118)


def test_records_without_an_inference_id_are_left_out(evaluation: Any) -> None:
    """What somebody else sent to the endpoint, and empty lines, are passed over."""
    lines = [record(None, "[1.0, 0.0]"), "", record("a", "[0.0, 1.0]"), "\n"]
    assert [c.inference_id for c in evaluation.read_captured(lines)] == ["a"]


# --- The gate -------------------------------------------------------------------------------------


def judged(
    evaluation: Any, *rows: tuple[str, float, str | None], captured: bool = True, **options: Any
) -> Any:
    """Judge rows of kind (test or probe), confidence and decision, at the threshold 0.9."""
    sent = [
        evaluation.Sent(str(i), f"{i}.png", b"", 0 if kind == "test" else None)
        for i, (kind, _, _) in enumerate(rows)
    ]
    outcomes = {
        str(i): evaluation.Outcome(str(i), "arn", AT, 50.0, decision)
        for i, (_, _, decision) in enumerate(rows)
    }
    records = {
        str(i): evaluation.Captured(str(i), AT, (confidence, 1 - confidence))
        for i, (_, confidence, _) in enumerate(rows)
        if captured
    }
    return evaluation.judge_gate(sent, outcomes, records, 0.9)


def test_a_gate_that_decides_right_both_ways_is_ok(evaluation: Any) -> None:
    """The threshold itself passes; test images and probes are counted apart."""
    verdict = judged(
        evaluation,
        ("test", 0.9, "accepted"),
        ("test", 0.95, "accepted"),
        ("test", math.nextafter(0.9, 0), "rejected"),
        ("probe", 0.5, "rejected"),
        ("probe", 0.99, "accepted"),
    )
    assert (verdict.kind, verdict.is_ok) == ("ok", True)
    assert (verdict.accepted, verdict.rejected) == (2, 1)
    assert (verdict.probes_accepted, verdict.probes_rejected) == (1, 1)


def test_a_rejected_probe_is_enough_to_show_that_a_gate_rejects(evaluation: Any) -> None:
    """When the model is sure of every test image, the probes show that the gate works."""
    assert judged(evaluation, ("test", 0.99, "accepted"), ("probe", 0.5, "rejected")).is_ok


@pytest.mark.parametrize(
    ("rows", "kind", "words"),
    [
        ([("test", 0.5, "accepted"), ("test", 0.6, "rejected")], "mismatch", "accepted 1 that are"),
        ([("test", 0.5, "accepted"), ("test", 0.99, "accepted")], "mismatch", "never rejected"),
        ([("test", 0.5, "rejected"), ("test", 0.99, "rejected")], "mismatch", "rejected 1 that"),
        ([("test", 0.95, "accepted"), ("probe", 0.99, "accepted")], "never-rejects", "never rej"),
        ([("test", 0.5, "rejected"), ("probe", 0.6, "rejected")], "never-accepts", "never acc"),
        ([("test", 0.5, "rejected"), ("test", 0.99, None)], "incomplete", "1 predictions have no"),
    ],
)  # fmt: skip
def test_any_other_gate_is_named_for_what_it_does(
    evaluation: Any, rows: list[tuple[str, float, str | None]], kind: str, words: str
) -> None:
    """Only a gate that is right and was seen to reject and to accept is ok."""
    verdict = judged(evaluation, *rows)
    assert (verdict.kind, verdict.is_ok) == (kind, False)
    assert words in verdict.headline
    assert verdict.advice


def test_one_wrong_decision_in_many_is_found(evaluation: Any) -> None:
    """The disagreement is listed by image."""
    rows = [("test", 0.95, "accepted"), ("test", 0.5, "rejected")] * 60
    verdict = judged(evaluation, *rows, ("test", 0.95, "rejected"))
    assert verdict.kind == "mismatch"
    assert [j.sent.inference_id for j in verdict.wrongly_rejected] == ["120"]


def test_a_gate_without_captured_records_is_not_called_right(evaluation: Any) -> None:
    """What cannot be recomputed is incomplete, and so is a run of nothing at all."""
    assert judged(evaluation, ("test", 0.5, "rejected"), captured=False).kind == "incomplete"
    assert judged(evaluation).kind == "incomplete"


# --- The model ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: all four examples.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0000),
    ],
)
def test_wilson_interval_has_the_published_values(
    evaluation: Any, hits: int, n: int, low: float, high: float
) -> None:
    """Newcombe's published examples come out, and the mirror image of one of them."""
    assert evaluation.wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_an_interval_of_nothing_says_nothing(evaluation: Any) -> None:
    """Without data the interval is all of 0 to 1."""
    assert evaluation.wilson(0, 0) == (0.0, 1.0)


@pytest.fixture
def tested(evaluation: Any) -> Any:
    """Eight answers: labels, predictions, confidences."""
    return evaluation.Tested(
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        np.array([0, 0, 0, 1, 1, 1, 1, 0]),
        np.array([0.55, 0.99, 0.95, 0.60, 1.00, 0.91, 0.97, 0.98]),
    )


def test_test_images_are_joined_by_inference_id(evaluation: Any) -> None:
    """Only images with a label and a record count; a probe never does."""
    sent = [
        evaluation.Sent("a", "a.png", b"", 1),
        evaluation.Sent("b", "b.png", b"", 0),
        evaluation.Sent("c", "c.png", b"", None),
    ]
    records = {i: evaluation.Captured(i, AT, (0.1, 0.9)) for i in ("a", "c", "z")}
    tested = evaluation.tested_from(sent, records)
    assert (tested.labels.tolist(), tested.predicted.tolist()) == ([1], [1])
    assert tested.accuracy.value == 1.0


def test_confusion_has_true_classes_in_rows(evaluation: Any, tested: Any) -> None:
    """One bicycle is taken for a motorcycle, and one the other way round."""
    assert evaluation.confusion_of(tested, 2).tolist() == [[3, 1], [1, 3]]
    assert (tested.accuracy.hits, tested.accuracy.n) == (6, 8)


def test_reliability_bins_hold_every_image_once(evaluation: Any, tested: Any) -> None:
    """A confidence of exactly 1 falls into the last bin; empty bins are left out."""
    bins = evaluation.reliability_of(tested, 2, bins=5)
    assert [(round(b.low, 1), b.accuracy.hits, b.accuracy.n) for b in bins] == [
        (0.5, 1, 1),
        (0.6, 0, 1),
        (0.9, 5, 6),
    ]
    assert evaluation.calibration_error(bins) == pytest.approx(
        (abs(0.55 - 1) + abs(0.60 - 0) + 6 * abs(5.8 / 6 - 5 / 6)) / 8
    )


def test_gate_curve_counts_what_passes_and_what_of_it_is_right(
    evaluation: Any, tested: Any
) -> None:
    """At 0.95 five of eight pass, of which four are right; at 1.0 the sure one still passes."""
    accepted, right = evaluation.gate_at(tested, 0.95)
    assert (accepted.hits, accepted.n, right.hits, right.n) == (5, 8, 4, 5)
    assert evaluation.gate_at(tested, 1.0)[0].hits == 1


def test_latency_is_median_and_95th_percentile(evaluation: Any) -> None:
    """Of 1 to 101 ms: 51 and 96; of a single execution: its own time twice."""
    outcomes = [evaluation.Outcome("", "", AT, float(ms), "accepted") for ms in range(1, 102)]
    assert evaluation.latency_of(outcomes) == {"median_ms": 51.0, "p95_ms": 96.0}
    assert evaluation.latency_of(outcomes[:1]) == {"median_ms": 1.0, "p95_ms": 1.0}
