"""``bakehouse up``: the server, in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from bakehouse.cli import options

_EPILOG = """\b
Then, in another terminal:
  eval "$(bakehouse env)"
  aws s3 ls            or any boto3 program
"""


@click.command("up", short_help="Start the server.", epilog=_EPILOG)
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0: any.  [default: 4566]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@options.data_option
@click.option("--region", help="The region that it plays.  [default: us-east-1]")
@click.option("--no-auth", is_flag=True, help="Do not verify signatures (loopback only).")
@click.option("--seed", type=int, help="The seed of training jobs.  [default: 0]")
@click.option("-v", "--verbose", is_flag=True, help="Log every request.")
def command(
    port: int | None,
    host: str | None,
    data: Path | None,
    region: str | None,
    no_auth: bool,
    seed: int | None,
    verbose: bool,
) -> None:
    """Start the server and run it until Ctrl-C or SIGTERM.

    Everything that clients store lies in the data folder and is there after a restart. Every
    setting can also be given as a variable, such as BAKEHOUSE_PORT.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")
    settings = options.settings(
        port=port,
        host=host,
        data=data,
        region=region,
        seed=seed,
        auth=False if no_auth else None,
    )
    from bakehouse.cli import serving  # noqa: PLC0415  # 0.3 s that no other command needs

    serving.serve(settings, verbose=verbose)
