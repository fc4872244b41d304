"""The four plots of the report, each drawn twice: for light and for dark surroundings.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; accepted and
rejected differ in shape as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from evaluation import Judged, Tested, calibration_error, confusion_of, gate_at, reliability_of
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


@dataclass(frozen=True)
class Theme:
    """The colours of one surrounding."""

    name: str
    paper: str
    ink: str
    faint: str
    accepted: str
    rejected: str
    line: str


THEMES = (
    Theme("light", "#ffffff", "#1c2733", "#d5dbe1", "#0072b2", "#d55e00", "#007f5f"),
    Theme("dark", "#161d26", "#dfe6ee", "#36414d", "#56b4e9", "#f0843c", "#2fc79d"),
)
DPI = 144


def draw_all(
    folder: Path,
    judged: Sequence[Judged],
    tested: Tested,
    classes: Sequence[str],
    threshold: float,
) -> dict[str, dict[str, Path]]:
    """Draw each plot in each theme; return the files by plot and theme."""
    drawings = {
        "timeline": lambda theme: draw_timeline(judged, threshold, theme),
        "gate": lambda theme: draw_gate(tested, len(classes), threshold, theme),
        "reliability": lambda theme: draw_reliability(tested, len(classes), theme),
        "confusion": lambda theme: draw_confusion(tested, classes, theme),
    }
    return {
        name: {t.name: save(draw, t, folder, name) for t in THEMES}
        for name, draw in drawings.items()
    }


def save(draw, theme: Theme, folder: Path, name: str) -> Path:
    path = folder / (f"{name}.png" if theme.name == "light" else f"{name}-{theme.name}.png")
    with mpl.rc_context(style_of(theme)):
        figure = draw(theme)
        figure.savefig(path, dpi=DPI)
    return path


def style_of(theme: Theme) -> dict:
    return {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "grid.color": theme.faint,
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }


# --- Confidence over time -------------------------------------------------------------------------


def draw_timeline(judged: Sequence[Judged], threshold: float, theme: Theme) -> Figure:
    figure = Figure(figsize=(9.6, 4.6))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1))
    start = min((j.outcome.started for j in judged), default=None)
    for decision in ("accepted", "rejected"):
        for is_probe in (False, True):
            group = [
                j for j in judged if j.outcome.decision == decision and j.sent.is_probe == is_probe
            ]
            times = [(j.outcome.started - start).total_seconds() for j in group]
            left.scatter(
                times,
                [j.captured.confidence for j in group],
                **marker_of(decision, is_probe, theme),
            )
    ring_mistakes(left, judged, start, theme)
    for axes in (left, right):
        axes.axhline(threshold, color=theme.line, linestyle=(0, (5, 3)), linewidth=1.6, zorder=1)
        axes.axhspan(0, threshold, color=theme.rejected, alpha=0.06, linewidth=0, zorder=0)
    low = min((j.captured.confidence for j in judged), default=0.5)
    left.set(
        title="Confidence of each prediction, and what the gate made of it",
        xlabel="seconds since the first execution",
        ylabel="confidence (largest probability)",
        ylim=(min(0.48, low - 0.02), 1.012),
    )
    left.grid(axis="y")
    left.set_axisbelow(True)
    draw_share(right, judged, threshold, theme)
    figure.legend(
        handles=legend_of(judged, theme), loc="outside lower center", ncols=5, fontsize=8.5
    )
    return figure


def marker_of(decision: str, is_probe: bool, theme: Theme) -> dict:
    colour = theme.accepted if decision == "accepted" else theme.rejected
    shape = {"marker": "o", "s": 30} if decision == "accepted" else {"marker": "X", "s": 52}
    if is_probe:
        return shape | {"facecolors": "none", "edgecolors": colour, "linewidths": 1.4, "zorder": 4}
    return shape | {"color": colour, "edgecolors": theme.paper, "linewidths": 0.6, "zorder": 3}


def ring_mistakes(axes: Axes, judged: Sequence[Judged], start, theme: Theme) -> None:
    wrong = [j for j in judged if j.is_mistake]
    axes.scatter(
        [(j.outcome.started - start).total_seconds() for j in wrong],
        [j.captured.confidence for j in wrong],
        s=130, facecolors="none", edgecolors=theme.ink, linewidths=1.1, zorder=5,
    )  # fmt: skip


def legend_of(judged: Sequence[Judged], theme: Theme) -> list[Line2D]:
    def entry(decision: str, is_probe: bool) -> Line2D:
        colour = theme.accepted if decision == "accepted" else theme.rejected
        n = sum(j.outcome.decision == decision and j.sent.is_probe == is_probe for j in judged)
        return Line2D(
            [], [], linestyle="none", marker="o" if decision == "accepted" else "X",
            markersize=6.5, color=colour, markerfacecolor="none" if is_probe else colour,
            label=f"{'probe, ' if is_probe else ''}{decision} ({n})",
        )  # fmt: skip

    wrong = sum(j.is_mistake for j in judged)
    ring = Line2D(
        [], [], linestyle="none", marker="o", markersize=10, markerfacecolor="none",
        color=theme.ink, label=f"wrong class ({wrong})",
    )  # fmt: skip
    return [entry(d, p) for p in (False, True) for d in ("accepted", "rejected")] + [ring]


def draw_share(axes: Axes, judged: Sequence[Judged], threshold: float, theme: Theme) -> None:
    """Draw how many predictions of each decision lie where, beside the timeline."""
    groups = [
        [j.captured.confidence for j in judged if j.outcome.decision == decision]
        for decision in ("accepted", "rejected")
    ]
    axes.hist(
        groups, bins=edges_around(threshold), orientation="horizontal", stacked=True,
        color=[theme.accepted, theme.rejected], edgecolor=theme.paper, linewidth=0.5,
    )  # fmt: skip
    axes.text(
        0.97,
        threshold - 0.012,
        f"threshold\n{threshold:g}",
        transform=axes.get_yaxis_transform(),
        color=theme.line,
        va="top",
        ha="right",
        fontsize=9,
        fontweight="bold",
    )
    axes.set(xlabel="how many")
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.spines["left"].set_visible(False)


def edges_around(threshold: float, width: float = 0.02) -> np.ndarray:
    """Return edges of bins of which none holds both accepted and rejected predictions."""
    below = np.arange(threshold, -width, -width)[::-1]
    return np.concatenate([below, np.arange(threshold + width, 1 + width, width)])


# --- The gate at every threshold ------------------------------------------------------------------


def draw_gate(tested: Tested, classes: int, threshold: float, theme: Theme) -> Figure:
    thresholds = np.linspace(1 / classes, 0.999, 200)
    points = [gate_at(tested, t) for t in thresholds]
    share = np.array([accepted.value for accepted, _ in points])
    right = np.array([correct.value for _, correct in points])
    low = np.array([correct.low for _, correct in points])
    high = np.array([correct.high for _, correct in points])
    figure = Figure(figsize=(6.2, 4.9))
    axes = figure.subplots()
    axes.fill_between(thresholds, low, high, where=~np.isnan(right), color=theme.accepted,
                      alpha=0.16, linewidth=0)  # fmt: skip
    axes.plot(thresholds, right, color=theme.accepted, linewidth=2, label="right among accepted")
    axes.plot(thresholds, share, color=theme.rejected, linewidth=2, linestyle=(0, (1, 1)),
              label="share accepted")  # fmt: skip
    axes.axvline(threshold, color=theme.line, linestyle=(0, (5, 3)), linewidth=1.6)
    mark_threshold(axes, tested, threshold, theme)
    axes.set(
        title="What the gate lets pass, at every threshold",
        xlabel="threshold",
        ylabel="share of the test images",
        xlim=(1 / classes, 1),
        ylim=(0, 1.03),
    )
    axes.grid()
    axes.set_axisbelow(True)
    axes.legend(loc="lower left", fontsize=9)
    return figure


def mark_threshold(axes: Axes, tested: Tested, threshold: float, theme: Theme) -> None:
    accepted, right = gate_at(tested, threshold)
    text = f"at {threshold:g}\n{accepted.value:.0%} accepted\n"
    text += f"{right.value:.1%} of them right" if right.n else "none to be right"
    axes.annotate(
        text, (threshold, 0.5), xytext=(-8, 0), textcoords="offset points", ha="right",
        va="center", fontsize=9, color=theme.line, fontweight="bold",
    )  # fmt: skip
    axes.plot([threshold], [accepted.value], "s", color=theme.rejected, markersize=6)
    axes.plot([threshold], [right.value], "o", color=theme.accepted, markersize=6)


# --- Reliability ----------------------------------------------------------------------------------


def draw_reliability(tested: Tested, classes: int, theme: Theme) -> Figure:
    bins = reliability_of(tested, classes)
    figure = Figure(figsize=(6.2, 4.9))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1.1))
    floor = 1 / classes
    top.plot([floor, 1], [floor, 1], color=theme.ink, linestyle=(0, (2, 3)), linewidth=1)
    x = np.array([b.confidence for b in bins])
    y = np.array([b.accuracy.value for b in bins])
    error = np.array([[b.accuracy.value - b.accuracy.low, b.accuracy.high - b.accuracy.value]
                      for b in bins]).reshape(-1, 2)  # fmt: skip
    top.errorbar(x, y, yerr=error.T, fmt="o-", color=theme.accepted, ecolor=theme.accepted,
                 elinewidth=1.2, capsize=3, markersize=6, linewidth=1.6)  # fmt: skip
    top.set(
        title=f"Is it as right as it is sure?  (calibration error {calibration_error(bins):.3f})",
        ylabel="share that is right",
        ylim=(0, 1.03),
        xlim=(floor, 1.005),
    )
    top.grid()
    top.set_axisbelow(True)
    draw_counts(below, bins, theme)
    return figure


def draw_counts(axes: Axes, bins, theme: Theme) -> None:
    bars = axes.bar(
        [(b.low + b.high) / 2 for b in bins],
        [b.accuracy.n for b in bins],
        width=[0.92 * (b.high - b.low) for b in bins],
        color=theme.accepted,
        alpha=0.55,
    )
    axes.bar_label(bars, fontsize=8.5, padding=1)
    axes.set(xlabel="confidence", ylabel="images")
    axes.margins(y=0.35)
    axes.set_yticks([])


# --- Confusion ------------------------------------------------------------------------------------


def draw_confusion(tested: Tested, classes: Sequence[str], theme: Theme) -> Figure:
    table = confusion_of(tested, len(classes))
    rows = table.sum(axis=1, keepdims=True)
    share = table / np.maximum(rows, 1)
    figure = Figure(figsize=(4.9, 4.3))
    axes = figure.subplots()
    heat = LinearSegmentedColormap.from_list("heat", [theme.paper, theme.accepted])
    axes.imshow(share, cmap=heat, vmin=-0.08, vmax=1)
    size = 40 / max(2, len(classes))
    for row, column in np.ndindex(table.shape):
        colour = theme.paper if share[row, column] > 0.5 else theme.ink
        axes.text(
            column,
            row - 0.04,
            f"{table[row, column]}",
            ha="center",
            va="bottom",
            fontsize=size,
            fontweight="bold",
            color=colour,
        )
        axes.text(
            column,
            row + 0.06,
            f"{share[row, column]:.0%}",
            ha="center",
            va="top",
            fontsize=size / 2,
            color=colour,
        )
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes)
    axes.set_yticks(ticks, classes, rotation=90, va="center")
    axes.set(title="All test images", xlabel="predicted", ylabel="true")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
