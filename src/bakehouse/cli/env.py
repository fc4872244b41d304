"""``bakehouse env``: the variables that point AWS clients at the server."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from bakehouse.cli import options, running
from bakehouse.cli.surroundings import client_of
from bakehouse.client_side.environment import conflicting, variables
from bakehouse.settings import Settings

_EPILOG = """\b
In a shell:
  eval "$(bakehouse env)"

\b
For an editor, Docker or a CI job:
  bakehouse env --dotenv > .env
"""


@click.command("env", short_help="Print the variables that AWS clients need.", epilog=_EPILOG)
@options.data_option
@click.option("--shell", "form", flag_value="shell", default=True, help="Lines for a shell.")
@click.option("--dotenv", "form", flag_value="dotenv", help="Lines of a .env file.")
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option(
    "--shim", is_flag=True, help="Also the start-up shim for Python that `bakehouse exec` gives."
)
def command(data: Path | None, form: str, shim: bool) -> None:
    """Print what makes AWS clients in this shell speak to the server.

    Nothing else of a client changes: its code, its SDK and its notebook stay as they are. For a
    shell, variables that would lead elsewhere are unset too. To go back to AWS, open a new shell.
    """
    settings = options.settings(data=data)
    found = running.find(settings.data)
    if found is None:
        up = options.typed("bakehouse up", settings.data)
        click.echo(f"No server runs yet; start it with `{up}`.", err=True)
    with options.data_folder_errors(settings.data):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    client = client_of(found or _expected(settings), settings.data, shim=shim)
    wanted = variables(client, os.environ)
    click.echo(_FORMS[form](wanted, conflicting(os.environ, wanted)))


def _expected(settings: Settings) -> running.Running:
    """The server as it will be when it is started with these settings."""
    endpoint = f"http://127.0.0.1:{settings.port}"
    return running.Running(0, endpoint, settings.region, "", settings.account_id)


def shell_lines(wanted: Mapping[str, str], gone: Sequence[str]) -> str:
    """Lines for a shell that set what is wanted and unset what conflicts."""
    lines = [f"unset {' '.join(gone)}"] if gone else []
    return "\n".join(lines + [f"export {k}={shlex.quote(v)}" for k, v in wanted.items()])


def _dotenv(wanted: Mapping[str, str], gone: Sequence[str]) -> str:
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in wanted.items())


def _json(wanted: Mapping[str, str], gone: Sequence[str]) -> str:
    return json.dumps(wanted, indent=2)


_FORMS: Mapping[str, Callable[[Mapping[str, str], Sequence[str]], str]] = {
    "shell": shell_lines,
    "dotenv": _dotenv,
    "json": _json,
}
