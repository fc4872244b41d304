"""Write the pages of docs/reference that follow from the code: settings, commands, operations.

Run it after a change with ``./dev run python docs/make_reference.py``; a test fails while a page
is behind the code.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from bakehouse.cli.main import main
from bakehouse.faults import Fault
from bakehouse.runtime import Bakehouse
from bakehouse.settings import Settings

FOLDER = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by docs/make_reference.py; change the code, then run it. -->\n\n"


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    return {
        "settings.md": _NOTE + settings_page(),
        "commands.md": _NOTE + commands_page(),
        "operations.md": _NOTE + operations_page(),
        "faults.md": _NOTE + faults_page(),
    }


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    rows = [
        f"| `BAKEHOUSE_{f.name.upper()}` | `{_shown(f.default)}` | {f.metadata['help']} |"
        for f in fields(Settings)
    ]
    head = "# Settings\n\nRead from the environment when a server starts. An option of the same "
    head += "name on the command line wins.\n\n| variable | default | meaning |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def commands_page() -> str:
    """The help of every command, as the command itself prints it."""
    parts = ["# Commands\n"]
    for name, command in _commands(main):
        # As below the root, whose settings every command takes over.
        context = click.Context(
            command, info_name=f"bakehouse {name}", terminal_width=88, **main.context_settings
        )
        parts.append(f"## bakehouse {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its words, those of a group behind it."""
    for name, command in sorted(group.commands.items()):
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before}{name} ")


def operations_page() -> str:
    """Every operation that a client may call, by service."""
    with tempfile.TemporaryDirectory() as scratch:
        house = Bakehouse(Settings(data=Path(scratch)), "http://127.0.0.1:4566")
        offered = {s.name: sorted(s.operations) for s in house.server.services}
        house.close()
    rows = [f"| {name} | {', '.join(names)} |" for name, names in sorted(offered.items())]
    head = "# Operations\n\nWhat a client may call today. Any other operation of these services is "
    head += "answered with `NotImplemented` (501), which no client tries again.\n\n"
    return head + "| service | operations |\n|---|---|\n" + "\n".join(rows) + "\n"


def faults_page() -> str:
    """The tree of faults."""
    lines = [
        f"{'  ' * depth}- `{kind.__name__}`: {_first_line(kind)}" for kind, depth in _tree(Fault, 0)
    ]
    head = "# Faults\n\nWhat can go wrong, whose it is, and what it becomes at a door: `Rejected` "
    head += "is a 4xx (`Overloaded` the 503 that SageMaker gives), `WorkFailed` a recorded "
    head += "outcome, `Broken` a 500 or 501.\n\n"
    return head + "\n".join(lines) + "\n"


def _tree(kind: type[Fault], depth: int) -> Iterator[tuple[type[Fault], int]]:
    yield kind, depth
    for child in sorted(kind.__subclasses__(), key=_shown_first):
        yield from _tree(child, depth + 1)


def _shown_first(kind: type[Fault]) -> tuple[bool, str, int]:
    """What every part may raise comes first, then each part's own; both as they are written."""
    own_part = kind.__module__ != Fault.__module__
    return own_part, kind.__module__, inspect.getsourcelines(kind)[1]


def _first_line(kind: type[Fault]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
        print(FOLDER / name)
