"""The lesson: a gate that accepts everything must not go unnoticed. The bug is planted for real."""

from __future__ import annotations

import argparse
import base64
import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
THRESHOLD = 0.93
# The comparison of the example, and the bug that this workflow is known for.
RIGHT, BUG = (
    "if confidence < threshold:",
    "meets_threshold = threshold\n    if not meets_threshold:",
)
CIFAR_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


def confidences(*, sure: bool) -> list[float]:
    return [0.94 + 0.001 * i for i in range(40)] + ([] if sure else [0.55, 0.7, 0.9])


class Scene:
    """What a run leaves for its evaluation: images sent, decisions of a handler, records."""

    def __init__(self, evaluation: Any, gate: ModuleType, *, sure: bool) -> None:
        self.evaluation, self.gate = evaluation, gate
        values = [(c, False) for c in confidences(sure=sure)]
        values += [(0.97 if sure else 0.52, True), (0.96, True)]
        self.sent = [self.send(i, is_probe) for i, (_, is_probe) in enumerate(values)]
        self.captured = {
            s.inference_id: evaluation.Captured(s.inference_id, START, (1 - c, c))
            for s, (c, _) in zip(self.sent, values, strict=True)
        }
        self.outcomes = {s.inference_id: self.decide(i, s) for i, s in enumerate(self.sent)}

    def send(self, number: int, is_probe: bool) -> Any:
        pixels = np.full((32, 32, 3), number * 5, np.uint8)
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "PNG")
        label = None if is_probe else int(number % 10 > 0)
        return self.evaluation.Sent(
            f"{number}", f"<{number}>.png", content.getvalue(), label, "<&>"
        )

    def decide(self, number: int, sent: Any) -> Any:
        probabilities = list(self.captured[sent.inference_id].probabilities)
        try:
            self.gate.lambda_handler({"inferences": probabilities}, None)
            decision = "accepted"
        except self.gate.ThresholdNotMet:
            decision = "rejected"
        at = START + timedelta(milliseconds=30 * number)
        return self.evaluation.Outcome(sent.inference_id, "arn", at, 40.0, decision)


@pytest.fixture(scope="module")
def judge(
    evaluation: Any,
    workflow: Any,
    handler: Callable[..., ModuleType],
    environment: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Decide with a filter handler, then evaluate as the workflow does; return all there is."""
    environment.setenv("THRESHOLD", str(THRESHOLD))

    @cache
    def decide_and_evaluate(comparison: str, *, sure: bool = False) -> Any:
        out = tmp_path_factory.mktemp("out")
        (out / "source.json").write_text('{"data": "cifar-100"}')
        scene = Scene(evaluation, handler("filter", RIGHT, comparison), sure=sure)
        options = argparse.Namespace(data=out, out=out, threshold=THRESHOLD, picture=None)
        run = SimpleNamespace(name="scones-made-up", options=options)
        steps = SimpleNamespace(taken=[{"name": "train", "seconds": 50.0}])
        evidence = workflow.Evidence(
            classes=["bicycle", "motorcycle"],
            training={"job": "scones-made-up", "seconds": 50.0, "validation_accuracy": 0.9},
            executions={"concurrency": 8, "median_ms": 40.0, "alone_median_ms": 40.0},
            sent=scene.sent,
            outcomes=scene.outcomes,
            whole_test_set=[s for s in scene.sent if not s.is_probe],
            captured=scene.captured,
        )
        with redirect_stdout(io.StringIO()) as printed:
            finding = workflow.evaluate(run, steps, evidence)
            workflow.write_summary(run, steps, evidence, finding)
            workflow.tell(finding)
        return SimpleNamespace(
            verdict=finding.verdict,
            exit=workflow.exit_code(finding.verdict),
            summary=json.loads((out / "summary.json").read_text()),
            html=(out / "report.html").read_text("utf-8"),
            printed=printed.getvalue(),
        )

    return decide_and_evaluate


def test_the_examples_own_gate_is_ok(judge: Callable[..., Any]) -> None:
    """The handler as it is decides every prediction as recomputed: exit 0, no alert."""
    result = judge(RIGHT)
    assert (result.exit, result.summary["exit"]) == (0, 0)
    assert result.summary["gate"] == {
        "threshold": 0.93, "accepted": 40, "rejected": 3, "probes_accepted": 1,
        "probes_rejected": 1, "wrongly_accepted": 0, "wrongly_rejected": 0, "unknown": 0,
        "verdict": "ok",
    }  # fmt: skip
    assert 'role="alert"' not in result.html
    assert "!!" not in result.printed


def test_the_planted_bug_is_caught(judge: Callable[..., Any]) -> None:
    """`meets_threshold = THRESHOLD` accepts all: exit 3, an alert in the report, a printed box."""
    result = judge(BUG)
    assert (result.exit, result.summary["exit"]) == (3, 3)
    gate = result.summary["gate"]
    assert (gate["verdict"], gate["rejected"], gate["probes_rejected"]) == ("mismatch", 0, 0)
    assert gate["wrongly_accepted"] == 4
    assert "never rejected anything" in result.verdict.headline
    assert 'class="banner bad" role="alert"' in result.html
    assert "Where the gate and the captured probabilities disagree" in result.html
    assert "GATE: MISMATCH" in result.printed
    boxed = [line for line in result.printed.splitlines() if line.startswith("!!")]
    assert {len(line) for line in boxed} == {78}


@pytest.mark.parametrize("comparison", [RIGHT, BUG])
def test_a_run_that_cannot_tell_the_two_apart_says_so(
    judge: Callable[..., Any], comparison: str
) -> None:
    """Where nothing is below the threshold, a right and a broken gate both end with exit 3."""
    result = judge(comparison, sure=True)
    assert (result.exit, result.summary["gate"]["verdict"]) == (3, "never-rejects")
    assert "cannot tell a gate that is broken from a threshold that is lenient" in result.html
    assert "Raise --threshold" in " ".join(result.printed.replace("!", " ").split())


def test_a_gate_that_compares_the_wrong_way_is_caught(judge: Callable[..., Any]) -> None:
    """An inverted comparison is wrong in both directions."""
    gate = judge("if confidence >= threshold:").summary["gate"]
    assert (gate["wrongly_accepted"], gate["wrongly_rejected"]) == (4, 41)


# --- The report -----------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects the tags of a page, and minds that they nest."""

    VOID = frozenset({"meta", "img", "br", "source"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_report_holds_everything_itself(judge: Callable[..., Any]) -> None:
    """Nothing is loaded from anywhere; the only link is the citation that CIFAR-100 asks for."""
    html = judge(BUG).html
    page = Page(html)
    assert page.open == []
    assert "url(" not in html
    assert "@import" not in html
    loaded = [a.get("src") or a.get("srcset") or "" for _, a in page.tags
              if "src" in a or "srcset" in a]  # fmt: skip
    assert len(loaded) > 30
    assert all(address.startswith("data:image/png;base64,") for address in loaded)
    assert [a["href"] for _, a in page.tags if "href" in a] == [CIFAR_PAGE]
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}


def test_every_picture_in_the_report_can_be_shown_and_read_aloud(
    judge: Callable[..., Any],
) -> None:
    """Each image decodes, has an alternative text, and each plot comes for dark screens too."""
    page = Page(judge(RIGHT).html)
    images = page.all("img")
    assert all(image["alt"] for image in images)
    for image in images:
        content = base64.b64decode(str(image["src"]).partition(",")[2])
        Image.open(io.BytesIO(content)).verify()
    assert [s["media"] for s in page.all("source")] == ["(prefers-color-scheme: dark)"] * 4
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1


def test_names_from_outside_are_escaped(judge: Callable[..., Any]) -> None:
    """A file name with angle brackets stays text."""
    result = judge(BUG)
    assert "&lt;42&gt;.png" in result.html
    assert "<42>" not in result.html


def test_the_plots_are_files_of_their_own(judge: Callable[..., Any]) -> None:
    """The summary names the four plots, and each is a PNG that is wide enough to look at."""
    plots = [Path(path) for path in judge(RIGHT).summary["plots"]]
    assert [p.stem for p in plots] == ["timeline", "gate", "reliability", "confusion"]
    for path in plots:
        with Image.open(path) as image:
            assert image.width > 600
