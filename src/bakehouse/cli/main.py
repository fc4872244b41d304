"""The root of the command line, and the table of its commands."""

from __future__ import annotations

import click

from bakehouse import __version__
from bakehouse.cli import (
    data,
    demo,
    down,
    env,
    exec,
    graph,
    im2rec,
    keys,
    package,
    proxy,
    status,
    up,
)

HELP = """Run AWS machine-learning workflows for real, on this machine.

\b
bakehouse exec -- python your_code.py      run it against a server of its own

\b
bakehouse up                       start the server
eval "$(bakehouse env)"            point this shell's AWS clients at it
python your_code.py                boto3, the aws CLI and notebooks as they are
bakehouse down                     stop it; everything stored stays

New here? `bakehouse demo` runs a whole workflow in about two minutes, from raw images to a
report: S3, a training job, an endpoint with data capture, three Lambda functions and a state
machine.
"""


@click.group(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bakehouse")
def main() -> None:
    """The root of all commands; its help is :data:`HELP`."""


for _command in (
    up.command,
    exec.command,
    env.command,
    keys.command,
    status.command,
    down.command,
    demo.command,
    data.command,
    im2rec.command,
    package.command,
    graph.command,
    proxy.command,
):
    main.add_command(_command)
