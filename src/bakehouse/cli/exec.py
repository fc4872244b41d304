"""``bakehouse exec -- CMD…``: a command whose AWS clients speak to the server, as they are."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from bakehouse.cli import foreground, options, starting
from bakehouse.cli.surroundings import client_of, proxy_of
from bakehouse.client_side.environment import applied, variables

_EPILOG = """\b
Examples:
  bakehouse exec -- python notebook.py
  bakehouse exec -- jupyter lab
  bakehouse exec -- pytest
  bakehouse exec -- aws s3 ls
  bakehouse exec --proxy -- ./program
"""


@click.command(
    "exec",
    short_help="Run a command whose AWS clients use the server.",
    epilog=_EPILOG,
    context_settings={"allow_interspersed_args": False},
)
@options.data_option
@click.option(
    "--proxy",
    is_flag=True,
    help="Also catch what goes to AWS's own host names: a proxy on this machine, with an authority "
    "of its own, leads it to the server.",
)
@click.option(
    "--shim/--no-shim",
    default=None,
    help="Correct the SageMaker SDKs when Python imports them.  [default: shim]",
)
@click.option(
    "--fast-polls/--no-fast-polls",
    default=None,
    help="Let the SageMaker SDKs ask every half second.  [default: fast-polls]",
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def command(
    data: Path | None,
    proxy: bool,
    shim: bool | None,
    fast_polls: bool | None,
    words: tuple[str, ...],
) -> None:
    """Run CMD so that code written for AWS runs against bakehouse, unchanged.

    The server of the data folder is used if it runs; else one is started, and it ends with CMD.
    CMD finds the server's address, keys and region in its environment, and nothing in it leads
    to AWS with your own keys: other AWS_ variables are removed, and your profiles keep their names
    but hold the server's keys.

    For Python programs a small start-up shim sends the SageMaker SDKs' fixed addresses of AWS here
    and shortens their pauses. BAKEHOUSE_SHIM=0 and BAKEHOUSE_FAST_POLLS=0 switch it off too.

    The terminal, signals and the exit code are CMD's own.
    """
    settings = options.settings(data=data)
    with starting.server(settings) as found:
        held = foreground.hold_signals()
        maybe = proxy_of(found, settings.data) if proxy else contextlib.nullcontext()
        with maybe as address:
            client = client_of(
                found,
                settings.data,
                shim=_chosen(shim, "BAKEHOUSE_SHIM"),
                fast_polls=_chosen(fast_polls, "BAKEHOUSE_FAST_POLLS"),
                proxy=address,
            )
            environment = applied(os.environ, variables(client, os.environ))
            environment["BAKEHOUSE_DATA"] = str(settings.data)  # so that our own commands know it
            status = foreground.run(words, environment, held)
    foreground.end_like(status)


def _chosen(option: bool | None, variable: str) -> bool:
    """What the command line says, else the environment; on where neither does."""
    return os.environ.get(variable) != "0" if option is None else option
