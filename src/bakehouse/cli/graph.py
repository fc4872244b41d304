"""``bakehouse graph``: the picture of a state machine, or of the way that an execution took."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from bakehouse.cli import connection, options

_MOST_BYTES = 1024**2
"""The longest definition that Step Functions takes."""


@click.command("graph", short_help="Draw a state machine, or the way an execution took.")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--execution", metavar="ARN", help="Draw this execution's way instead of a FILE.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture, .svg or .png. Default: an SVG in the current folder, named like the input.",
)
@click.option("--title", help="A line above the picture.")
@click.option("--endpoint", help="Where the execution's server is, if it is another than this one.")
def command(
    file: Path | None,
    execution: str | None,
    output: Path | None,
    title: str | None,
    endpoint: str | None,
) -> None:
    """Draw the state machine that FILE defines in the Amazon States Language.

    With --execution, draw the machine of an execution, coloured by the way that it took. Prints the
    picture's path.
    """
    if (file is None) == (execution is None):
        raise click.UsageError("Give either a FILE or --execution ARN.")
    if execution is not None:
        target = output or Path(f"{_plain(execution.rpartition(':')[2])}.svg")
        draw_execution(connection.client("stepfunctions", endpoint), execution, target, title)
    elif file is not None:
        target = output or Path(f"{_stem(file)}.svg")
        _draw(_read(file), str(file), target, title)
    click.echo(target)


def draw_execution(client: Any, arn: str, target: Path, title: str | None = None) -> None:
    """Draw an execution's machine and the way that it took.

    Args:
        client: a boto3 client of Step Functions.
        arn: the execution's ARN.
        target: the picture to write, ``.svg`` or ``.png``.
        title: a line above it; without one, the machine's and the execution's name and its status.

    Raises:
        click.ClickException: the server refused, or the picture could not be drawn or written.
    """
    import botocore.exceptions  # noqa: PLC0415 - 150 ms that drawing a file does not need

    try:
        execution = client.describe_execution(executionArn=arn)
        machine = client.describe_state_machine(stateMachineArn=execution["stateMachineArn"])
        pages = client.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=False
        )
        events = [event for page in pages for event in page["events"]]
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        raise click.ClickException(f"{error}") from error
    shown = title or f"{machine['name']} · {execution['name']} · {execution['status']}"
    _draw(json.loads(machine["definition"]), arn, target, shown, events)


def _draw(
    definition: object,
    source: str,
    target: Path,
    title: str | None,
    events: list[dict[str, Any]] | None = None,
) -> None:
    from bakehouse.states import picture  # noqa: PLC0415 - matplotlib: 0.5 s, in this command only

    with options.faults_as_messages(f"{source}: "):
        drawing = picture.draw(definition, events=events, title=title)
    with options.faults_as_messages():
        drawing.save(target)


def _read(file: Path) -> object:
    """The definition in a file.

    Raises:
        click.ClickException: it is too long or no JSON; the message has the line and the column.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error}.") from error
    if len(text) > _MOST_BYTES:
        raise click.ClickException(f"{file} has more than {_MOST_BYTES} bytes.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{file}, line {error.lineno}, column {error.colno}"
        raise click.ClickException(f"{where}: {error.msg}; expected JSON.") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise click.ClickException(f"{file} is no JSON: {error}.") from error


def _stem(file: Path) -> str:
    """``state_machine`` of ``state_machine.asl.json``."""
    return file.name.removesuffix(".json").removesuffix(".asl") or file.name


def _plain(name: str) -> str:
    """An execution's name with only what every file system takes."""
    return re.sub(r"[^\w-]", "_", name) or "execution"
