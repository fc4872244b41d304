"""``bakehouse data``: a folder of labelled images, ready to be uploaded and trained on."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from bakehouse.cli.screen import Screen
from bakehouse.faults import Fault, InvalidInput, WorkFailed


@click.command("data", short_help="Make a folder of labelled images.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to make: train/, test/, train.lst, test.lst, labels.json, source.json.",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The CIFAR-100 archive, cifar-100-python.tar.gz; else BAKEHOUSE_CIFAR100, the cached copy "
    "or a download.",
)
@click.option(
    "--labels",
    default="8,48",
    show_default=True,
    help="Two or more fine classes, by number or name: bicycle,motorcycle.",
)
@click.option("--drawn", is_flag=True, help="Draw bicycles and motorcycles; read no archive.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Which drawings."
)
@click.option("--no-download", is_flag=True, help="Use only what is on this machine.")
@click.option(
    "--replace", is_flag=True, help="Replace other images that this command made there earlier."
)
def command(
    out: Path,
    archive: Path | None,
    labels: str,
    drawn: bool,
    seed: int,
    no_download: bool,
    replace: bool,
) -> None:
    """Make a folder of labelled images and print its path.

    They are photographs of CIFAR-100 or, where its archive cannot be had, drawings of bicycles and
    motorcycles. A folder that holds these images already is left as it is. Other images
    of this command's make way only with --replace, and anything else is never touched.
    """
    # Not at the top: numpy and Pillow, which most commands do not need.
    from bakehouse.datasets.prepare import prepare_data  # noqa: PLC0415 - see above

    with Screen(Console(stderr=True)) as screen, screen.step("images"):
        try:
            prepared = prepare_data(
                out,
                archive=archive,
                labels=labels.split(","),
                drawn=drawn,
                seed=seed,
                download=not no_download,
                replace=replace,
                report=screen.line,
                progress=lambda stage, share: screen.share(share, stage),
            )
        except Fault as fault:
            raise click.ClickException(f"{fault.message}\n{_next_step(fault)}".rstrip()) from fault
    if prepared.reason is not None:
        click.echo(f"These are drawings: {prepared.reason}", err=True)
    click.echo(prepared.folder)


def _next_step(fault: Fault) -> str:
    """What to do after a failure, where its message does not say so already."""
    if isinstance(fault, WorkFailed):
        return "Name an archive with --archive, or draw with --drawn and the default labels."
    if isinstance(fault, InvalidInput) and fault.path in ("archive", "BAKEHOUSE_CIFAR100"):
        return "Get the archive anew, name another with --archive, or draw with --drawn."
    return ""
