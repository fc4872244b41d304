"""``bakehouse keys``: further key pairs, each for some services or for all."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from bakehouse import clock, keys
from bakehouse.cli import options
from bakehouse.keys import KeyPair

_EPILOG = """\b
Examples:
  bakehouse keys add --name reader --service s3 --service logs
  bakehouse keys list
  bakehouse keys revoke AKIA…
"""


@click.group("keys", short_help="Add, list and revoke key pairs.", epilog=_EPILOG)
def command() -> None:
    """Keep the key pairs with which clients may sign, beside the server's own.

    A server that runs knows of every change at once.
    """


@command.command("add", short_help="Make a key pair.")
@click.option("--name", help="What the caller is called.  [default: client-1, client-2 …]")
@click.option(
    "--service",
    "services",
    multiple=True,
    type=click.Choice(keys.SERVICES),
    help="A service that it may call; repeat for more. Without it, all.",
)
@options.data_option
def add(name: str | None, services: tuple[str, ...], data: Path | None) -> None:
    """Make a key pair and print it, as lines for a shell.

    The secret can be read later only in the data folder.
    """
    folder = options.settings(data=data).data
    with _messages(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = keys.add(folder, name, services, clock.now())
    click.echo(f"# {pair.name}: {_services(pair)}")
    click.echo(f"export AWS_ACCESS_KEY_ID={shlex.quote(pair.access_key_id)}")
    click.echo(f"export AWS_SECRET_ACCESS_KEY={shlex.quote(pair.secret_access_key)}")


@command.command("list", short_help="Show the key pairs, without secrets.")
@options.data_option
def show(data: Path | None) -> None:
    """Show every key pair: its id, its name, when it was made and what it may call."""
    folder = options.settings(data=data).data
    with _messages(folder):
        pairs = keys.load_all(folder)
    width = max(len(pair.name) for pair in pairs)
    for pair in pairs:
        made = pair.created[:10] or "the first"
        click.echo(f"{pair.access_key_id}  {pair.name:{width}}  {made:10}  {_services(pair)}")


@command.command("revoke", short_help="Remove a key pair.")
@click.argument("access_key_id")
@options.data_option
def revoke(access_key_id: str, data: Path | None) -> None:
    """Remove a key pair, with the temporary keys that were issued under it.

    If it is the server's own, a new one takes its place; clients then need the output of
    `bakehouse env` anew, and functions and jobs that run go on with the old one until they end.
    """
    folder = options.settings(data=data).data
    with _messages(folder):
        instead = keys.revoke(folder, access_key_id)
    click.echo(f"{access_key_id} is revoked.")
    if instead is not None:
        click.echo(f"The server's own pair is now {instead.access_key_id}: run `bakehouse env`.")


@contextlib.contextmanager
def _messages(folder: Path) -> Iterator[None]:
    with options.faults_as_messages(), options.data_folder_errors(folder):
        yield


def _services(pair: KeyPair) -> str:
    return "all services" if pair.services is None else ", ".join(sorted(pair.services))
