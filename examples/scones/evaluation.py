"""What the captured predictions say about the model and about the gate: numbers, no drawing.

Everything here is a function of three records: what was sent (`Sent`), what the endpoint answered
according to data capture (`Captured`), and what the state machine made of it (`Outcome`). The
inference id ties the three together.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles

import numpy as np

Z95 = 1.959963984540054  # two-sided 95% of a normal distribution


@dataclass(frozen=True)
class Sent:
    """An image and the id under which it was sent. A probe has no label, and is no test image."""

    inference_id: str
    name: str
    picture: bytes = field(repr=False)
    label: int | None
    note: str = ""

    @property
    def is_probe(self) -> bool:
        return self.label is None


@dataclass(frozen=True)
class Captured:
    """One record of data capture: the probabilities that the endpoint really answered."""

    inference_id: str
    at: datetime
    probabilities: tuple[float, ...]

    @property
    def label(self) -> int:
        return int(np.argmax(self.probabilities))

    @property
    def confidence(self) -> float:
        return max(self.probabilities)


@dataclass(frozen=True)
class Outcome:
    """How one execution ended: with a decision, or with None and the error that says why."""

    inference_id: str
    arn: str
    started: datetime
    duration_ms: float
    decision: str | None
    error: str = ""


@dataclass(frozen=True)
class Judged:
    """One execution beside the record that data capture kept of its inference."""

    sent: Sent
    outcome: Outcome
    captured: Captured

    def due(self, threshold: float) -> str:
        """Return the decision that the captured probabilities call for."""
        return "rejected" if self.captured.confidence < threshold else "accepted"

    @property
    def is_mistake(self) -> bool:
        return self.sent.label is not None and self.sent.label != self.captured.label


# --- Data capture ---------------------------------------------------------------------------------


def read_captured(lines: Iterable[str]) -> list[Captured]:
    """Return the records that carry an inference id, from the lines of SageMaker's JSONL files."""
    records = [json.loads(line) for line in lines if line.strip()]
    return [captured_from_record(r) for r in records if "inferenceId" in r["eventMetadata"]]


def captured_from_record(record: Mapping) -> Captured:
    metadata = record["eventMetadata"]
    return Captured(
        inference_id=metadata["inferenceId"],
        at=datetime.strptime(metadata["inferenceTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        probabilities=probabilities_of(record["captureData"]["endpointOutput"]),
    )


def probabilities_of(side: Mapping) -> tuple[float, ...]:
    """Return the probabilities in one side of a record. Capture keeps the body as it was sent."""
    text = side["data"]
    if side["encoding"] == "BASE64":
        text = base64.b64decode(text).decode()
    values = text.split(",") if side["encoding"] == "CSV" else json.loads(text)
    return tuple(float(value) for value in values)


# --- The gate -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Whether the gate did its work. Only `ok` is good; a run that proves nothing is not."""

    kind: str  # ok | mismatch | incomplete | never-rejects | never-accepts
    headline: str
    advice: str
    threshold: float
    accepted: int
    rejected: int
    probes_accepted: int
    probes_rejected: int
    wrongly_accepted: tuple[Judged, ...]
    wrongly_rejected: tuple[Judged, ...]
    unknown: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        return self.kind == "ok"


def judge_gate(
    sent: Sequence[Sent],
    outcomes: Mapping[str, Outcome],
    captured: Mapping[str, Captured],
    threshold: float,
) -> Verdict:
    """Decide again, from the captured probabilities, and compare with what the machine decided."""
    judged = join(sent, outcomes, captured)
    wrong = [j for j in judged if j.outcome.decision != j.due(threshold)]
    known = {j.sent.inference_id for j in judged}
    unknown = tuple(s.inference_id for s in sent if s.inference_id not in known)
    decided = [j.outcome.decision for j in judged]
    kind = kind_of(bool(wrong), bool(unknown), decided)
    wrongly_accepted = tuple(j for j in wrong if j.outcome.decision == "accepted")
    wrongly_rejected = tuple(j for j in wrong if j.outcome.decision == "rejected")
    return Verdict(
        kind=kind,
        headline=headline_of(kind, judged, wrongly_accepted, wrongly_rejected, unknown),
        advice=ADVICE[kind],
        threshold=threshold,
        accepted=count(judged, "accepted", probes=False),
        rejected=count(judged, "rejected", probes=False),
        probes_accepted=count(judged, "accepted", probes=True),
        probes_rejected=count(judged, "rejected", probes=True),
        wrongly_accepted=wrongly_accepted,
        wrongly_rejected=wrongly_rejected,
        unknown=unknown,
    )


def join(
    sent: Sequence[Sent], outcomes: Mapping[str, Outcome], captured: Mapping[str, Captured]
) -> list[Judged]:
    """Return what is known of each image that has a decision and a captured record."""
    ids = [(s, s.inference_id) for s in sent]
    return [
        Judged(s, outcomes[i], captured[i])
        for s, i in ids
        if i in captured and i in outcomes and outcomes[i].decision
    ]


def count(judged: Iterable[Judged], decision: str, *, probes: bool) -> int:
    return sum(j.outcome.decision == decision and j.sent.is_probe == probes for j in judged)


def kind_of(any_wrong: bool, any_unknown: bool, decided: Sequence[str | None]) -> str:
    if any_wrong:
        return "mismatch"
    if any_unknown or not decided:
        return "incomplete"
    if "rejected" not in decided:
        return "never-rejects"
    if "accepted" not in decided:
        return "never-accepts"
    return "ok"


ADVICE = {
    "ok": "Each decision was made again here from the captured probabilities; all of them agree.",
    "mismatch": (
        "The decisions do not follow from the confidences. Read the filter's comparison first:"
        " `meets_threshold = THRESHOLD` is always true, for one. Until it is mended, no decision of"
        " this state machine means anything; the accuracy is the model's alone."
    ),
    "incomplete": (
        "What cannot be compared cannot be called right. Read the errors of the executions, or wait"
        " longer for the captured records, and run it again."
    ),
    "never-rejects": (
        "No captured confidence was below the threshold, so this run cannot tell a gate that is"
        " broken from a threshold that is lenient. Raise --threshold, or send images on which the"
        " model hesitates, until something has to be rejected."
    ),
    "never-accepts": (
        "No captured confidence reached the threshold, so this run cannot tell a gate that rejects"
        " everything from a threshold that is too strict. Lower --threshold until something has to"
        " be accepted."
    ),
}


def headline_of(
    kind: str,
    judged: Sequence[Judged],
    wrongly_accepted: Sequence[Judged],
    wrongly_rejected: Sequence[Judged],
    unknown: Sequence[str],
) -> str:
    if kind == "mismatch":
        return broken_gate(len(judged), len(wrongly_accepted), len(wrongly_rejected), judged)
    if kind == "incomplete":
        return f"{len(unknown)} predictions have no decision or no captured record."
    if kind == "never-rejects":
        return f"The gate never rejected anything: all {len(judged)} predictions were accepted."
    if kind == "never-accepts":
        return f"The gate never accepted anything: all {len(judged)} predictions were rejected."
    return f"The gate works: all {len(judged)} decisions are the ones that were due."


def broken_gate(
    total: int, wrongly_accepted: int, wrongly_rejected: int, judged: Sequence[Judged]
) -> str:
    parts = [
        f"accepted {wrongly_accepted} that are below the threshold" if wrongly_accepted else "",
        f"rejected {wrongly_rejected} that reach the threshold" if wrongly_rejected else "",
    ]
    text = f"The gate is broken: of {total} predictions it {' and '.join(filter(None, parts))}."
    decisions = {j.outcome.decision for j in judged}
    if "rejected" not in decisions:
        return f"{text} It never rejected anything."
    return text if "accepted" in decisions else f"{text} It never accepted anything."


# --- The model ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """A share with its 95% interval."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.n if self.n else math.nan


def share_of(hits: int, n: int) -> Share:
    return Share(hits, n, *wilson(hits, n))


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval of `hits` out of `n`: right for small n and near 0 and 1."""
    if not n:
        return 0.0, 1.0
    p, denominator = hits / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / denominator
    half = z / denominator * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Tested:
    """The endpoint's answers for test images: three arrays of one length."""

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        return self.labels == self.predicted

    @property
    def accuracy(self) -> Share:
        return share_of(int(self.correct.sum()), len(self.labels))


def tested_from(sent: Sequence[Sent], captured: Mapping[str, Captured]) -> Tested:
    """Return the answers for those of `sent` that have a label and a captured record."""
    known = [(s.label, captured[s.inference_id]) for s in sent if s.inference_id in captured]
    rows = [(label, c.label, c.confidence) for label, c in known if label is not None]
    labels, predicted, confidence = zip(*rows, strict=True) if rows else ((), (), ())
    return Tested(np.array(labels, int), np.array(predicted, int), np.array(confidence, float))


def confusion_of(tested: Tested, classes: int) -> np.ndarray:
    """Return counts: one row for each true class, one column for each predicted class."""
    table = np.zeros((classes, classes), int)
    np.add.at(table, (tested.labels, tested.predicted), 1)
    return table


@dataclass(frozen=True)
class Bin:
    """Predictions of similar confidence, and how many of them were right."""

    low: float
    high: float
    confidence: float
    accuracy: Share


def reliability_of(tested: Tested, classes: int, bins: int = 5) -> list[Bin]:
    """Return the bins that hold anything, between the least possible confidence and 1."""
    edges = np.linspace(1 / classes, 1, bins + 1)
    place = np.clip(np.digitize(tested.confidence, edges) - 1, 0, bins - 1)
    return [
        Bin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            confidence=float(tested.confidence[place == b].mean()),
            accuracy=share_of(int(tested.correct[place == b].sum()), int((place == b).sum())),
        )
        for b in range(bins)
        if (place == b).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean distance of confidence and accuracy, weighted by the bins' counts."""
    n = sum(b.accuracy.n for b in bins)
    return sum(b.accuracy.n * abs(b.confidence - b.accuracy.value) for b in bins) / n if n else 0.0


def gate_at(tested: Tested, threshold: float) -> tuple[Share, Share]:
    """Return the share that a gate would accept, and the share of those that is right."""
    passed = tested.confidence >= threshold
    right = int((tested.correct & passed).sum())
    return share_of(int(passed.sum()), len(passed)), share_of(right, int(passed.sum()))


def latency_of(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Return how long executions took, in milliseconds: median and 95th percentile."""
    durations = [o.duration_ms for o in outcomes]
    if len(durations) < 2:
        return {"median_ms": sum(durations), "p95_ms": sum(durations)}
    return {
        "median_ms": round(median(durations), 1),
        "p95_ms": round(quantiles(durations, n=20, method="inclusive")[-1], 1),
    }
