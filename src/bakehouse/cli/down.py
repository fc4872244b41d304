"""``bakehouse down``: end the server that runs."""

from __future__ import annotations

from pathlib import Path

import click

from bakehouse.cli import options, running


@click.command("down", short_help="Stop the server.")
@options.data_option
def command(data: Path | None) -> None:
    """Stop the server that runs with the data folder; everything stored stays.

    Requests in flight are answered first, for up to some seconds. Without a server there is nothing
    to do, and that is no error.
    """
    settings = options.settings(data=data)
    found = running.find(settings.data)
    if found is None:
        click.echo(f"No server runs with the data folder {settings.data}.")
        return
    if not running.end(settings.data, found):
        text = f"The server (process {found.pid}) has not ended yet."
        raise click.ClickException(f"{text} Look again with `bakehouse status`.")
    click.echo(f"The server at {found.endpoint} has ended.")
