"""A command in the foreground: it owns the terminal, and its end becomes ours."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import click

_PASSED_ON = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
    }
)
_RESET = (signal.SIGPIPE, signal.SIGXFSZ)
"""Python ignores these two, and a program would inherit that."""


class CommandNotFound(click.ClickException):
    """There is no such command."""

    exit_code = 127  # as shells have it


class CommandNotRunnable(click.ClickException):
    """The file is there and the system does not run it."""

    exit_code = 126  # as shells have it


def hold_signals() -> set[signal.Signals]:
    """Keep signals back, for :func:`run` to pass on; in this thread and those that it starts later.

    Returns:
        the signals that were kept back before, as a program must find them.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON | {signal.SIGCHLD})
    return {signal.Signals(number) for number in before}


def run(words: Sequence[str], environment: Mapping[str, str], held: set[signal.Signals]) -> int:
    """Run a command until it ends; only after :func:`hold_signals`.

    It stays in our process group: a terminal sends its signals to it directly. One that another
    process sends to us alone is passed on.

    Args:
        words: the command, which is looked up in ``PATH``, and its arguments.
        environment: all of its variables.
        held: what :func:`hold_signals` gave.

    Returns:
        its exit code, or minus the number of the signal that ended it.

    Raises:
        CommandNotFound, CommandNotRunnable: it cannot be started.
    """
    try:
        process = os.posix_spawnp(
            words[0], list(words), dict(environment), setsigmask=held, setsigdef=_RESET
        )
    except (OSError, ValueError) as error:
        raise _not_started(words[0], error) from error
    while True:
        came = signal.sigwaitinfo(_PASSED_ON | {signal.SIGCHLD})
        if came.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
        elif came.si_code <= 0:  # a process sent it, not the terminal
            os.kill(process, came.si_signo)


def end_like(status: int) -> NoReturn:
    """End this process as the command ended, so that a shell cannot tell the difference."""
    if status >= 0:
        sys.exit(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-status})
    sys.stdout.flush()
    os.kill(os.getpid(), -status)
    sys.exit(128 - status)  # the signal does not end a process


def _not_started(word: str, error: OSError | ValueError) -> click.ClickException:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return CommandNotFound(f"{word}: there is no such command.")
    reason = getattr(error, "strerror", None) or error
    return CommandNotRunnable(f"{word!r} cannot be run: {reason}.")
