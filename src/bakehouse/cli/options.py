"""Options that several commands share, and faults as click shows them."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from bakehouse.faults import Fault
from bakehouse.settings import Settings, settings_from

data_option: Callable[[Any], Any] = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data folder.  [default: ~/.bakehouse, or BAKEHOUSE_DATA]",
)


def settings(**chosen: Any) -> Settings:
    """The settings from the environment and the command line."""
    with faults_as_messages():
        return settings_from(os.environ, **chosen)


def typed(command: str, folder: Path) -> str:
    """A command as a user has to type it: with ``--data`` where the folder is not the usual one."""
    if folder == settings_from({}).data:
        return command
    return f"{command} --data {shlex.quote(str(folder))}"


@contextlib.contextmanager
def faults_as_messages(before: str = "") -> Iterator[None]:
    """Let a fault end the command as ``Error: <sentence>`` instead of a traceback.

    Args:
        before: what stands before the sentence, such as the name of the file it is about.
    """
    try:
        yield
    except Fault as fault:
        raise click.ClickException(f"{before}{fault}") from fault


@contextlib.contextmanager
def data_folder_errors(folder: Path) -> Iterator[None]:
    """Let a data folder that the system refuses end the command as one sentence."""
    try:
        yield
    except OSError as error:
        text = f"The data folder {folder} cannot be used: {error}."
        raise click.ClickException(f"{text} Choose another with --data.") from error
