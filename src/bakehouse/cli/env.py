"""``bakehouse env``: the variables that point AWS clients at the server."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bakehouse import keys
from bakehouse.cli import options, running

_EPILOG = """\b
In a shell:
  eval "$(bakehouse env)"
"""


@click.command("env", short_help="Print the variables that AWS clients need.", epilog=_EPILOG)
@options.data_option
def command(data: Path | None) -> None:
    """Print `export` lines that make AWS clients in this shell speak to the server.

    Nothing else of a client changes: its code, its SDK and its notebook stay as they are. To go
    back to AWS, open a new shell or unset AWS_ENDPOINT_URL and the two keys.
    """
    settings = options.settings(data=data)
    found = running.find(settings.data)
    endpoint = found.endpoint if found else f"http://127.0.0.1:{settings.port}"
    if found is None:
        click.echo("No server runs yet; start it with `bakehouse up`.", err=True)
    with options.faults_as_messages(), options.data_folder_errors(settings.data):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = keys.load_or_make(settings.data)
    region = found.region if found else settings.region
    for name, value in keys.client_environment(endpoint, pair, region).items():
        click.echo(f"export {name}={shlex.quote(value)}")
