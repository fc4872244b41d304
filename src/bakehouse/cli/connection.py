"""boto3 clients for commands that ask a server: the environment's, or the one that runs here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from bakehouse import keys
from bakehouse.cli import options, running

_ADDRESS = re.compile(r"https?://[^/\s]+/?")


def environment(endpoint: str | None = None) -> dict[str, str]:
    """The variables with which a client reaches a server.

    The address is ``endpoint``, else ``AWS_ENDPOINT_URL``, else the server that runs with the
    default data folder. Keys are the environment's where it has some, else that data folder's.

    Raises:
        click.ClickException: the address is none, or there is no server and no data folder to take
            keys from.
    """
    chosen = endpoint or os.environ.get("AWS_ENDPOINT_URL")
    if chosen and not _ADDRESS.fullmatch(chosen):
        text = f"The endpoint is {chosen!r}; expected an address such as http://127.0.0.1:4566."
        raise click.ClickException(text)
    if chosen and {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= os.environ.keys():
        kept = {k: v for k, v in os.environ.items() if k.startswith("AWS_")}
        return {"AWS_DEFAULT_REGION": "us-east-1", **kept, "AWS_ENDPOINT_URL": chosen}
    settings = options.settings()
    found = running.find(settings.data)
    if not chosen and found is None:
        raise click.ClickException("No server runs; start one with `bakehouse up`.")
    with options.faults_as_messages():
        pair = keys.load(settings.data)
    region = found.region if found else settings.region
    return keys.client_environment(chosen or (found.endpoint if found else ""), pair, region)


def clients(variables: Mapping[str, str]) -> Callable[[str], Any]:
    """A maker of boto3 clients that reach the server which the variables describe."""
    import boto3  # noqa: PLC0415  # 150 ms that most commands do not need

    session = boto3.session.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=variables.get("AWS_SESSION_TOKEN"),
        region_name=variables["AWS_DEFAULT_REGION"],
    )
    return lambda service: session.client(service, endpoint_url=variables["AWS_ENDPOINT_URL"])


def client(service: str, endpoint: str | None = None) -> Any:
    """A boto3 client for a server; see :func:`environment`."""
    return clients(environment(endpoint))(service)
