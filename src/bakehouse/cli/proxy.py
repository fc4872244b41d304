"""``bakehouse proxy``: AWS's host names lead to the server, for programs started elsewhere."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from bakehouse.cli import env, options, running
from bakehouse.cli.surroundings import client_of, proxy_of
from bakehouse.client_side.environment import variables

_EPILOG = """\b
In one terminal:
  bakehouse proxy > proxy.env
In another:
  . ./proxy.env
  curl "$(aws s3 presign s3://my-bucket/picture.png \\
    --endpoint-url https://s3.us-east-1.amazonaws.com)"
"""


@click.command("proxy", short_help="Lead AWS's host names to the server.", epilog=_EPILOG)
@options.data_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="TCP port; 0: any.  [default: 0]"
)
def command(data: Path | None, port: int) -> None:
    """Run a proxy for programs that name AWS's hosts, until Ctrl-C or SIGTERM.

    It prints the variables that such a program needs, then serves. Requests to AWS over https are
    answered by the running server; all else is passed on untouched. For one command, `bakehouse
    exec --proxy` is simpler.
    """
    settings = options.settings(data=data)
    found = running.find(settings.data)
    if found is None:
        up = options.typed("bakehouse up", settings.data)
        text = f"No server runs with the data folder {settings.data}. Start one with `{up}`."
        raise click.ClickException(text)
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with proxy_of(found, settings.data, port) as address:
        client = client_of(found, settings.data, shim=False, proxy=address)
        click.echo(env.shell_lines(variables(client, os.environ), ()))
        click.echo("The proxy runs with these variables until Ctrl-C.", err=True)
        signal.sigwait(signals)
