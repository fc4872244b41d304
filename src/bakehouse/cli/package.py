"""``bakehouse package FOLDER``: a reproducible zip for Lambda, dependencies included."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from bakehouse.faults import Fault
from bakehouse.functions.archives import ZIPPED_BYTES
from bakehouse.functions.packaging import InstallFailed, Package, pack


@click.command(name="package", short_help="Zip a folder for Lambda, with its requirements.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the archive goes. Default: FOLDER.zip in the current folder.",
)
def command(folder: Path, output: Path | None) -> None:
    """Zip FOLDER for Lambda, with what its requirements.txt names installed beside its files.

    The same input gives the same bytes. Prints the archive's path, size and SHA-256.
    """
    archive = output or Path(f"{folder.resolve().name}.zip")
    console = Console(stderr=True)
    try:
        with console.status(escape(f"Packing {folder}")) as status:
            package = pack(folder, archive, on_line=lambda line: status.update(escape(line[:100])))
    except InstallFailed as failed:
        click.echo(failed.output, err=True, nl=False)
        advice = (
            "Its output is above: correct requirements.txt, or check the network, and try again."
        )
        raise click.ClickException(f"{failed.message} {advice}") from failed
    except (Fault, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(_summary(package))


def _summary(package: Package) -> str:
    files = "1 file" if package.files == 1 else f"{package.files} files"
    lines = [
        f"{package.path}",
        f"  {files}, {package.size_bytes:,} bytes zipped, {package.unzipped_bytes:,} unzipped",
        f"  sha256 {package.sha256}",
    ]
    if package.size_bytes > ZIPPED_BYTES:
        lines.append(
            f"  Over {ZIPPED_BYTES:,} bytes Lambda takes it from S3 only: upload it there and "
            "create the function with S3Bucket and S3Key."
        )
    return "\n".join(lines)
