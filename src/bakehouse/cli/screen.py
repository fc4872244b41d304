"""Progress on the screen: a live list of steps on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Column


class Screen:
    """What a long command shows while it works. Use it as a context manager.

    Args:
        console: where to show it. On a terminal each step is a line with a spinner, a bar once its
            share is known, its newest message and its time; elsewhere lines are printed as they
            come.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = 0.0
        self._task: TaskID | None = None
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<13}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[seconds]:>7}", table_column=Column(no_wrap=True)),
            TextColumn("[dim]{task.fields[line]}", table_column=_rest_of_the_line()),
            console=console,
            expand=True,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step for as long as the block runs."""
        self.begin(name)
        yield
        self.finish()

    def begin(self, name: str) -> None:
        """Start showing a step."""
        self._started = time.monotonic()
        if self._console.is_terminal:
            self._task = self._progress.add_task(escape(name), total=None, line="", seconds="")
        else:
            self._console.print(f"{name} …", highlight=False, markup=False)

    def line(self, text: str) -> None:
        """Show a message of the step."""
        if self._task is not None:
            self._progress.update(self._task, line=escape(text), seconds=self._seconds())
        elif not self._console.is_terminal:
            self._console.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)

    def share(self, done: float, text: str = "") -> None:
        """Show how much of the step is done, from 0 to 1."""
        if self._task is not None:
            self._progress.update(self._task, total=1.0, completed=done, seconds=self._seconds())
            if text:
                self.line(text)

    def note(self, text: str) -> None:
        """Show a message that stays: above the steps on a terminal, a line elsewhere."""
        self._console.print(text, highlight=False, markup=False)

    def finish(self) -> None:
        """Show that the step is done."""
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1, seconds=self._seconds())
            self._task = None
        elif not self._console.is_terminal:
            self._console.print(f"  done in {self._seconds()}", highlight=False)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._started:.1f} s"


def _rest_of_the_line() -> Column:
    """A column that takes what the others leave, and cuts its text there: one line per step."""
    return Column(ratio=1, no_wrap=True, overflow="ellipsis")
