"""``bakehouse im2rec``: pack pictures and their labels into RecordIO files."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from bakehouse.cli.screen import Screen
from bakehouse.faults import Fault


@click.command("im2rec", short_help="Pack pictures and labels into a RecordIO file.")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the paths of a list begin; by default the folder that the list lies in.",
)
@click.option("--resize", type=click.IntRange(1, 65_500), help="Make the shorter side this long.")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of the JPEGs that are written.",
)
@click.option("--grey", is_flag=True, help="Store one channel instead of three.")
@click.option("--pass-through", is_flag=True, help="Store the files as they are, undecoded.")
@click.option(
    "--train-ratio",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Below 1 the rest goes into a second file, TARGET_val.rec.",
)
@click.option("--no-shuffle", is_flag=True, help="Keep the order of the list or of the names.")
@click.option("--seed", type=int, default=100, show_default=True, help="Of the shuffling.")
@click.option("--skip-bad", is_flag=True, help="Leave out what is no picture, instead of ending.")
def command(
    source: Path,
    target: Path,
    root: Path | None,
    resize: int | None,
    quality: int,
    grey: bool,
    pass_through: bool,
    train_ratio: float,
    no_shuffle: bool,
    seed: int,
    skip_bad: bool,
) -> None:
    """Pack the pictures of SOURCE into TARGET.rec, with TARGET.idx and TARGET.lst beside it.

    SOURCE is a folder with a folder for each class, or a list: lines of an index, a label (or
    several, one 0 or 1 for each class) and a path, separated by tabs. Classes of folders are
    numbered in the order of their names. The files can be a channel of a training job whose content
    type is application/x-recordio.

    \b
    bakehouse im2rec photos/ train --resize 256
    bakehouse im2rec photos/ data --train-ratio 0.8
    bakehouse im2rec train.lst train --root photos/ --pass-through
    """  # noqa: D301  # \b is click's
    # Not at the top: numpy and Pillow, which most commands do not need.
    from bakehouse.algorithms.image_classification.packing import (  # noqa: PLC0415 - see above
        Packing,
        pack,
    )

    packing = Packing(
        root=root,
        resize=resize,
        quality=quality,
        grey=grey,
        pass_through=pass_through,
        train_ratio=train_ratio,
        shuffle=not no_shuffle,
        seed=seed,
        skip_bad=skip_bad,
    )
    with Screen(Console(stderr=True)) as screen, screen.step("pictures"):
        try:
            packed = pack(source, target, packing, screen.share)
        except Fault as fault:
            raise click.ClickException(fault.message) from fault
    for name in packed.skipped:
        click.echo(f"left out: {name}", err=True)
    for number, name in enumerate(packed.classes):
        click.echo(f"class {number}: {name}")
    for path, count in packed.files.items():
        click.echo(f"{path}: {count} pictures")
