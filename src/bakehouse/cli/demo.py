"""``bakehouse demo``: the whole Scones Unlimited workflow on a server of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bakehouse import keys
from bakehouse.cli import connection, options, starting
from bakehouse.cli.screen import Screen
from bakehouse.functions.packaging import pack

if TYPE_CHECKING:
    from bakehouse.datasets.prepare import Prepared

_FUNCTIONS = ("serialize", "classify", "filter")
_MACHINE = "state_machine.asl.json"
_SUMMARY = "summary.json"
_REPORT = "report.html"
_GATE_BROKEN = 3
"""The workflow's exit code for a run that went through, with a gate that did not prove itself."""


@click.command("demo", short_help="Run a whole workflow, from images to a report.")
@click.option(
    "--archive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The CIFAR-100 archive (cifar-100-python.tar.gz); else BAKEHOUSE_CIFAR100, the cached "
    "copy, a download, or drawn images.",
)
@click.option("--labels", default="8,48", show_default=True, help="Fine classes of CIFAR-100.")
@click.option("--drawn", is_flag=True, help="Use the built-in drawn images, not the archive.")
@click.option("--endpoint", help="Use this running server instead of a fresh one.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bakehouse-demo"),
    show_default=True,
    help="Where images, report and pictures go.",
)
@click.option("--images", type=click.IntRange(100), help="Test images for the state machine.")
@click.option(
    "--threshold",
    type=click.FloatRange(0.5, 1.0, max_open=True),
    help="Confidence that the gate asks.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
@click.option(
    "--example", type=click.Path(exists=True, file_okay=False, path_type=Path), hidden=True
)
def command(
    archive: Path | None,
    labels: str,
    drawn: bool,
    endpoint: str | None,
    out: Path,
    images: int | None,
    threshold: float | None,
    seed: int,
    example: Path | None,
) -> None:
    """Tell bicycles from motorcycles, the whole way, for real.

    Images become a training job, the model an endpoint that captures its traffic, three Lambda
    functions and a state machine classify test images and reject what the model is not sure of, and
    a report shows how well that went. The workflow itself is plain boto3: `examples/scones` holds
    it, and pointed at AWS it is meant to run there.

    The exit code is that of the workflow: 3 if its gate is broken.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # tidy up then too
    console = Console()
    folder = example or example_folder()
    _make_room(out)
    started = time.monotonic()
    with Screen(console) as screen, options.faults_as_messages():
        data = _prepare(screen, out, archive, labels, drawn=drawn, seed=seed)
        if data.reason is not None:
            screen.note(f"These are drawings, not photographs: {data.reason}")
        packages = _package(screen, folder, out)
        picture = _draw(screen, folder, out)
        arguments = _arguments(data, out, packages, picture, images, threshold, seed)
        with _server(screen, out, endpoint, seed) as environment:
            status = _run_workflow(screen, folder, arguments, environment, out)
            taken = _draw_execution(screen, out, environment)
    _conclude(console, out, data, picture, taken, status, time.monotonic() - started)
    sys.exit(status)


def example_folder() -> Path:
    """Where the workflow lies: in a checkout beside ``src``, else inside the installed package."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent.parent / "examples" / "scones"
    return checkout if checkout.is_dir() else package / "examples" / "scones"


# The steps


def _make_room(out: Path) -> None:
    """Make the folder; take away what an earlier run found, so that it is never taken for ours."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (_SUMMARY, _REPORT):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        text = f"{out} cannot be used: {error}. Choose another folder with --out."
        raise click.ClickException(text) from error


def _prepare(
    screen: Screen, out: Path, archive: Path | None, labels: str, *, drawn: bool, seed: int
) -> Prepared:
    from bakehouse.datasets.prepare import prepare_data  # noqa: PLC0415  # numpy, Pillow: 0.2 s

    with screen.step("images"):
        return prepare_data(
            out / "data",
            archive=archive,
            labels=[label.strip() for label in labels.split(",") if label.strip()],
            drawn=drawn,
            seed=seed,
            report=screen.line,
            progress=lambda stage, share: screen.share(share, stage),
        )


def _package(screen: Screen, folder: Path, out: Path) -> Path:
    packages = out / "packages"
    with screen.step("packages"):
        packages.mkdir(exist_ok=True)
        for name in _FUNCTIONS:
            package = pack(
                folder / "functions" / name, packages / f"{name}.zip", on_line=screen.line
            )
            screen.line(f"{name}.zip, {package.size_bytes:,} bytes")
    return packages


def _draw(screen: Screen, folder: Path, out: Path) -> Path:
    from bakehouse.states import picture  # noqa: PLC0415  # matplotlib: 0.5 s, in this command only

    target = out / "state-machine.svg"
    with screen.step("picture"):
        drawing = picture.draw(json.loads((folder / _MACHINE).read_text()))
        drawing.save(target)
        drawing.save(target.with_suffix(".png"))
    return target


def _arguments(
    data: Prepared,
    out: Path,
    packages: Path,
    picture: Path,
    images: int | None,
    threshold: float | None,
    seed: int,
) -> list[str]:
    wanted: dict[str, object] = {
        "--data": data.folder,
        "--out": out,
        "--packages": packages,
        "--picture": picture.with_suffix(".png"),
        "--seed": seed,
        "--images": images,
        "--threshold": threshold,
    }
    return [str(part) for pair in wanted.items() if pair[1] is not None for part in pair]


@contextlib.contextmanager
def _server(
    screen: Screen, out: Path, endpoint: str | None, seed: int
) -> Iterator[Mapping[str, str]]:
    """The environment of a client of the given server, or of a fresh one for the block's life."""
    if endpoint is not None:
        yield _clean_environment() | connection.environment(endpoint)
        return
    with (
        tempfile.TemporaryDirectory(prefix="bakehouse-demo-") as scratch,
        (out / "server.log").open("w") as log,
    ):
        folder = Path(scratch)
        words = ["-m", "bakehouse", "up", "--port", "0", "--data", scratch, "--seed", str(seed)]
        server = subprocess.Popen(
            [sys.executable, *words],
            env={**os.environ, "BAKEHOUSE_WATCH_STDIN": "1"},  # it ends with us, even by kill -9
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        try:
            with screen.step("server"):
                found = starting.wait_until_ready(folder, server, out / "server.log")
                screen.line(f"ready at {found.endpoint}")
            pair = keys.load(folder)
            yield _clean_environment() | keys.client_environment(found.endpoint, pair, found.region)
        finally:
            server.terminate()
            server.communicate()


def _clean_environment() -> dict[str, str]:
    """This process's environment without what could lead a client to AWS."""
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}


def _run_workflow(
    screen: Screen, folder: Path, arguments: list[str], environment: Mapping[str, str], out: Path
) -> int:
    words = [sys.executable, str(folder / "workflow.py"), *arguments]
    with (
        (out / "workflow.log").open("w") as log,
        subprocess.Popen(
            words,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as workflow,
    ):
        try:
            stepping = _follow(screen, workflow.stdout or (), log)
        except BaseException:
            workflow.terminate()
            raise
    if stepping and workflow.returncode in (0, _GATE_BROKEN):
        screen.finish()
    return workflow.returncode


def _follow(screen: Screen, lines: Iterable[str], log: TextIO) -> bool:
    """Show the workflow's lines as steps, until it ends, and keep them all in the log.

    Returns:
        whether a step is still being shown.
    """
    stepping = False
    for line in lines:
        log.write(line)
        stepping = _show(screen, line.rstrip("\n"), stepping)
    return stepping


def _show(screen: Screen, line: str, stepping: bool) -> bool:
    """Show one line of the workflow's; tell whether a step is being shown now."""
    match line.split(" ", 2):
        case ["step", _, name]:
            if stepping:
                screen.finish()
            screen.begin(name)
            return True
        case ["progress", share, *text]:
            with contextlib.suppress(ValueError):
                screen.share(float(share), text[0] if text else "")
        case _ if line.strip() and stepping:
            screen.line(line.strip())
    return stepping


def _draw_execution(screen: Screen, out: Path, environment: Mapping[str, str]) -> Path | None:
    """Draw the way that one execution took, if the workflow names one."""
    from bakehouse.cli import graph  # noqa: PLC0415  # matplotlib: 0.5 s, in this command only

    arn = _summary(out).get("executions", {}).get("sample_arn")
    if arn is None:
        return None
    target = out / "execution.svg"
    with screen.step("execution"):
        clients = connection.clients(environment)
        graph.draw_execution(clients("stepfunctions"), arn, target)
    return target


# The end


def _summary(out: Path) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads((out / _SUMMARY).read_text())
    except (OSError, ValueError):
        return {}
    return summary


def _conclude(
    console: Console,
    out: Path,
    data: Prepared,
    picture: Path,
    taken: Path | None,
    status: int,
    seconds: float,
) -> None:
    summary = _summary(out)
    if not summary:
        log = out / "workflow.log"
        said = starting.last_line(log) or "nothing"
        text = f"The workflow ended with exit code {status}. {log} ends with: {said}"
        raise click.ClickException(text)
    rows = _rows(summary, data, picture, taken, seconds)
    console.print()
    if console.is_terminal:
        console.print(_table(rows), highlight=False)
        return
    for name, text in rows:
        console.print(f"{name:<13}  {text}", highlight=False, soft_wrap=True)


def _table(rows: Iterable[tuple[str, str]]) -> Table:
    """The rows, folded to the width of a terminal."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table


def _rows(
    summary: Mapping[str, Any],
    data: Prepared,
    picture: Path,
    taken: Path | None,
    seconds: float,
) -> Iterator[tuple[str, str]]:
    """What came out, as pairs of a name and a text with rich's markup."""
    accuracy, gate = summary["accuracy"], summary["gate"]
    if data.source == "drawn":
        yield "images", "drawn by code, not photographs" + _because(data.reason)
    yield (
        "accuracy",
        f"{accuracy['value']:.3f} on {accuracy['n']} test images "
        f"(95 % interval {accuracy['low']:.3f} to {accuracy['high']:.3f})",
    )
    yield (
        "gate",
        f"{gate['accepted']} accepted, {gate['rejected']} rejected at {gate['threshold']:g}; "
        f"of the probes {gate['probes_accepted']} and {gate['probes_rejected']}",
    )
    yield "verdict", _verdict(gate["verdict"])
    executions = summary["executions"]
    yield (
        "executions",
        f"{executions['count']}; one alone takes {executions['alone_median_ms']:.0f} ms (median)",
    )
    yield "report", escape(str(summary["report"]))
    yield "plots", escape(", ".join(str(path) for path in summary["plots"]))
    yield "state machine", escape(", ".join(str(path) for path in (picture, taken) if path))
    yield "time", f"{seconds:.0f} s: {_times(summary)}"


def _because(reason: str | None) -> str:
    return f": {escape(reason)}" if reason else ""


def _verdict(verdict: str) -> str:
    if verdict == "ok":
        return "[green]the gate works: every decision matches the captured probabilities"
    return f"[bold red]THE GATE DID NOT PROVE ITSELF: {verdict}; the report says more"


def _times(summary: Mapping[str, Any]) -> str:
    return ", ".join(f"{step['name']} {step['seconds']:.1f}" for step in summary["steps"])
