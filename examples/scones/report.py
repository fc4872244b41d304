"""The report: one HTML file with everything in it, for light and dark screens."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from evaluation import Judged, Tested, Verdict

CIFAR_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
CITATION = (
    "The pictures are CIFAR-100's: Alex Krizhevsky, "
    f'<cite><a href="{CIFAR_PAGE}">Learning Multiple Layers of Features from Tiny Images</a></cite>'
    ", technical report, University of Toronto, 2009."
)
SHOWN_PICTURES = 24  # at most, in one group


@dataclass(frozen=True)
class Facts:
    """What the report says beside the predictions."""

    title: str
    run: str
    source: str  # where the images are from
    classes: Sequence[str]
    training: Mapping  # job, seconds, validation_accuracy
    executions: Mapping  # count, median_ms, p95_ms, alone_median_ms
    steps: Sequence[Mapping]  # name, seconds
    machine_picture: Path | None


def write_report(
    path: Path,
    facts: Facts,
    verdict: Verdict,
    judged: Sequence[Judged],
    tested: Tested,
    plots: Mapping[str, Mapping[str, Path]],
) -> None:
    body = "\n".join([
        header_of(facts),
        banner_of(verdict),
        numbers_of(facts, verdict, tested),
        disagreements_of(verdict, facts.classes),
        plot(plots["timeline"], *TIMELINE),
        '<div class="pair">',
        plot(plots["gate"], *GATE),
        plot(plots["reliability"], *RELIABILITY),
        "</div>",
        pictures_of(judged, facts.classes),
        '<div class="pair">',
        plot(plots["confusion"], *CONFUSION),
        steps_of(facts),
        "</div>",
        machine_of(facts),
        footer_of(facts),
    ])  # fmt: skip
    path.write_text(PAGE.format(title=escape(facts.title), style=STYLE, body=body), "utf-8")


TIMELINE = (
    "Confidence over time",
    "Scatter plot: the confidence of each execution's prediction against the time it started, with"
    " the threshold as a dashed line; accepted predictions are round, rejected ones are crosses.",
    "Filled marks are test images, hollow ones are probes: mixtures and noise that were made for"
    " this run so that the gate has something to reject. A ring marks a wrong class.",
)
GATE = (
    "The gate at every threshold",
    "Line plot over the threshold: the share of test images accepted, which falls, and the share"
    " of the accepted that is right, with its 95% interval.",
    "All test images, straight through the endpoint. Where the dotted line stays at the top, the"
    " gate does nothing.",
)
RELIABILITY = (
    "Confidence against accuracy",
    "Reliability diagram: the share of right predictions in bins of confidence with 95% intervals,"
    " the diagonal, and the number of images in each bin below.",
    "On the dotted diagonal the model is as right as it is sure; above it, it is too modest.",
)
CONFUSION = (
    "Which class is taken for which",
    "Confusion matrix of all test images: true classes in rows, predicted classes in columns.",
    "Counts, and the share of the row's class.",
)


def header_of(facts: Facts) -> str:
    return (
        f"<header><h1>{escape(facts.title)}</h1>"
        f"<p>Run <code>{escape(facts.run)}</code> · {escape(facts.source)}</p></header>"
    )


def banner_of(verdict: Verdict) -> str:
    look = "good" if verdict.is_ok else "bad"
    role = "status" if verdict.is_ok else "alert"
    sign = "✓" if verdict.is_ok else "✗"
    return (
        f'<section class="banner {look}" role="{role}"><h2><span aria-hidden="true">{sign}</span> '
        f"{escape(verdict.headline)}</h2><p>{with_code(verdict.advice)}</p></section>"
    )


def with_code(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))


def numbers_of(facts: Facts, verdict: Verdict, tested: Tested) -> str:
    accuracy = tested.accuracy
    took = sum(step["seconds"] for step in facts.steps)
    cards = [
        (
            "accuracy",
            f"{accuracy.value:.1%}",
            f"{accuracy.hits} of {accuracy.n} test images;"
            f" 95% interval {accuracy.low:.1%} to {accuracy.high:.1%}",
        ),
        (
            "gate, test images",
            f"{verdict.accepted} / {verdict.rejected}",
            f"accepted / rejected at threshold {verdict.threshold:g}",
        ),
        (
            "gate, probes",
            f"{verdict.probes_accepted} / {verdict.probes_rejected}",
            "accepted / rejected; made to be doubtful",
        ),
        (
            "one execution",
            f"{facts.executions['alone_median_ms']:.0f} ms",
            f"median, one at a time; {facts.executions['median_ms']:.0f} ms with"
            f" {facts.executions['concurrency']} at once",
        ),
        (
            "training",
            f"{facts.training['seconds']:.0f} s",
            f"the whole workflow so far: {took:.0f} s",
        ),
    ]
    items = "".join(
        f"<div><dt>{escape(name)}</dt>"
        f"<dd><strong>{escape(value)}</strong> {escape(note)}</dd></div>"
        for name, value, note in cards
    )
    return f'<dl class="numbers">{items}</dl>'


def disagreements_of(verdict: Verdict, classes: Sequence[str]) -> str:
    wrong = (*verdict.wrongly_accepted, *verdict.wrongly_rejected)
    if not wrong:
        return ""
    rows = "".join(
        f"<tr><td>{thumbnail(j, classes)}</td><td>{escape(j.sent.name)}</td>"
        f'<td class="number">{j.captured.confidence:.4f}</td><td>{j.due(verdict.threshold)}</td>'
        f"<td><strong>{escape(str(j.outcome.decision))}</strong></td></tr>"
        for j in wrong[:SHOWN_PICTURES]
    )
    return (
        "<section><h2>Where the gate and the captured probabilities disagree</h2>"
        f"<p>{len(wrong)} decisions; {min(len(wrong), SHOWN_PICTURES)} are shown.</p>"
        '<div class="wide"><table><thead><tr><th>picture</th><th>name</th>'
        '<th class="number">captured confidence</th><th>decision due</th>'
        "<th>decision made</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def plot(files: Mapping[str, Path], title: str, alt: str, caption: str) -> str:
    return (
        f"<section><h2>{escape(title)}</h2><figure><picture>"
        f'<source srcset="{data_uri(files["dark"])}" media="(prefers-color-scheme: dark)">'
        f'<img src="{data_uri(files["light"])}" alt="{escape(alt)}"></picture>'
        f"<figcaption>{escape(caption)}</figcaption></figure></section>"
    )


def data_uri(path: Path) -> str:
    kind = "svg+xml" if path.suffix == ".svg" else "png"
    return inline(path.read_bytes(), f"image/{kind}")


def inline(content: bytes, content_type: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(content).decode()}"


# --- Pictures -------------------------------------------------------------------------------------


def pictures_of(judged: Sequence[Judged], classes: Sequence[str]) -> str:
    tests = [j for j in judged if not j.sent.is_probe]
    rejected = [j for j in tests if j.outcome.decision == "rejected"]
    mistakes = [j for j in tests if j.is_mistake and j.outcome.decision == "accepted"]
    accepted = [j for j in tests if not j.is_mistake and j.outcome.decision == "accepted"]
    groups = [
        ("Rejected", "Not sure enough: for a person to look at.", least_sure_first(rejected)),
        ("Accepted and wrong", "What the gate cannot catch: surely wrong.", mistakes),
        ("Accepted and right", "A few of them.", accepted[:12]),
        ("Probes", "Made for this run, in no accuracy.", [j for j in judged if j.sent.is_probe]),
    ]
    return (
        "<section><h2>Pictures that went through the state machine</h2>"
        + "".join(group(*g, classes) for g in groups)
        + "</section>"
    )


def least_sure_first(judged: Iterable[Judged]) -> list[Judged]:
    return sorted(judged, key=lambda j: j.captured.confidence)


def group(title: str, note: str, judged: Sequence[Judged], classes: Sequence[str]) -> str:
    shown = judged[:SHOWN_PICTURES]
    more = f" {len(shown)} of {len(judged)} are shown." if len(judged) > len(shown) else ""
    cells = "".join(cell(j, classes) for j in shown) or "<li>None.</li>"
    return f'<h3>{escape(title)}</h3><p>{escape(note)}{more}</p><ul class="pictures">{cells}</ul>'


def cell(judged: Judged, classes: Sequence[str]) -> str:
    predicted = classes[judged.captured.label]
    wrong = f'<br><span class="wrong">it is a {escape(truth_of(judged, classes))}</span>'
    note = f"<br><small>{escape(judged.sent.note)}</small>" if judged.sent.note else ""
    return (
        f'<li class="{escape(str(judged.outcome.decision))}">{thumbnail(judged, classes)}'
        f"<span>{escape(predicted)} <b>{judged.captured.confidence:.3f}</b>"
        f"{wrong if judged.is_mistake else ''}<br>{escape(str(judged.outcome.decision))}{note}"
        "</span></li>"
    )


def truth_of(judged: Judged, classes: Sequence[str]) -> str:
    return "probe" if judged.sent.label is None else classes[judged.sent.label]


def thumbnail(judged: Judged, classes: Sequence[str]) -> str:
    alt = f"{truth_of(judged, classes)}, {judged.sent.name}"
    return f'<img src="{inline(judged.sent.picture, "image/png")}" alt="{escape(alt)}">'


# --- The rest -------------------------------------------------------------------------------------


def steps_of(facts: Facts) -> str:
    longest = max((step["seconds"] for step in facts.steps), default=1) or 1
    rows = "".join(
        f'<tr><th scope="row">{escape(s["name"])}</th><td class="number">{s["seconds"]:.1f} s</td>'
        f'<td class="bar"><i style="width:{100 * s["seconds"] / longest:.1f}%"></i></td></tr>'
        for s in facts.steps
    )
    total = sum(step["seconds"] for step in facts.steps)
    return (
        "<section><h2>What each step took</h2><table class='steps'><tbody>"
        f"{rows}</tbody><tfoot><tr><th scope='row'>together, without this report</th>"
        f"<td class='number'>{total:.1f} s</td><td></td></tr></tfoot></table></section>"
    )


def machine_of(facts: Facts) -> str:
    if facts.machine_picture is None:
        return ""
    return (
        '<section><h2>The state machine</h2><figure class="sheet">'
        f'<img src="{data_uri(facts.machine_picture)}" alt="State machine: Serialize, Classify,'
        ' Filter, which leads to Accepted, or to Rejected when the threshold is not met.">'
        "</figure></section>"
    )


def footer_of(facts: Facts) -> str:
    accuracy = facts.training.get("validation_accuracy")
    validation = f" It reported a validation accuracy of {accuracy:.3f}." if accuracy else ""
    cited = f"<p>{CITATION}</p>" if "CIFAR-100" in facts.source else ""
    return (
        "<footer><p>Predictions and confidences are read from what the endpoint's data capture"
        " wrote to S3; decisions are the state machine's. Intervals are Wilson's. The test images"
        " are also the training job's validation set.</p>"
        f"<p>Training job <code>{escape(facts.training['job'])}</code>.{validation}</p>"
        f"{cited}</footer>"
    )


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

STYLE = """
:root { color-scheme: light dark; --paper: #f4f6f8; --card: #ffffff; --ink: #1c2733;
  --soft: #5a6876; --line: #d5dbe1; --accepted: #0072b2; --rejected: #b34a00;
  --good: #e3f3ec; --good-ink: #0b5a41; --bad: #b00020; --bad-ink: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --paper: #0e141b; --card: #161d26; --ink: #dfe6ee;
  --soft: #9aa8b6; --line: #36414d; --accepted: #56b4e9; --rejected: #f0843c;
  --good: #12352a; --good-ink: #a8e6cc; --bad: #c8102e; --bad-ink: #ffffff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 0 0 8px; font-size: 1.15rem; }
h3 { margin: 20px 0 0; font-size: 1rem; }
p { margin: 4px 0; }
header p, section > p, h3 + p, figcaption, footer { color: var(--soft); font-size: .92rem; }
code { overflow-wrap: anywhere; }
a { color: var(--accepted); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin: 18px 0; min-width: 0; }
.banner.good { background: var(--good); color: var(--good-ink); border-color: currentColor; }
.banner.bad { background: var(--bad); color: var(--bad-ink); border: 4px solid var(--bad-ink);
  outline: 4px solid var(--bad); padding: 24px; }
.banner.bad h2 { font-size: 1.6rem; }
.banner p { color: inherit; max-width: 75ch; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px;
  margin: 18px 0; }
.numbers div { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; color: var(--soft); font-size: .85rem; line-height: 1.35; }
dd strong { display: block; color: var(--ink); font-size: 1.7rem; line-height: 1.3; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
  gap: 0 18px; align-items: stretch; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; }
.sheet { background: #ffffff; border-radius: 6px; padding: 12px; }
.sheet img { width: auto; max-width: 100%; max-height: 640px; margin: 0 auto; }
.pictures { list-style: none; margin: 8px 0 0; padding: 0; display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(118px, 1fr)); }
.pictures li { font-size: .8rem; line-height: 1.35; border-left: 3px solid var(--line);
  padding-left: 8px; }
.pictures li.accepted { border-color: var(--accepted); }
.pictures li.rejected { border-color: var(--rejected); border-left-style: dashed; }
.pictures img, td img { width: 96px; height: 96px; image-rendering: pixelated; display: block;
  border-radius: 4px; margin-bottom: 4px; }
td img { width: 48px; height: 48px; margin: 0; }
.wrong { color: var(--rejected); font-weight: 600; }
small { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line);
  font-weight: 400; }
thead th, tfoot th, tfoot td { font-weight: 600; }
tfoot th, tfoot td { border-bottom: 0; }
.number { text-align: right; padding-right: 24px; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.bar { width: 45%; }
.bar i { display: block; height: 12px; min-width: 2px; border-radius: 3px;
  background: var(--accepted); opacity: .75; }
"""
