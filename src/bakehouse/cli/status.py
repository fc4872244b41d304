"""``bakehouse status``: whether a server runs, and where."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bakehouse.cli import options, running


@click.command("status", short_help="Tell whether the server runs.")
@options.data_option
def command(data: Path | None) -> None:
    """Tell whether a server runs with the data folder, and where.

    The exit code is 0 if one runs and 1 if none does.
    """
    settings = options.settings(data=data)
    found = running.find(settings.data)
    if found is None:
        click.echo(f"No server runs with the data folder {settings.data}.")
        click.echo(f"Start one with `{options.typed('bakehouse up', settings.data)}`.")
        sys.exit(1)
    click.echo(f"running at  {found.endpoint}")
    click.echo(f"since       {found.started}")
    click.echo(f"process     {found.pid}")
    click.echo(f"data        {settings.data}")
