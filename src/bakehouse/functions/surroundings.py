"""What a handler's process finds around it: folders, interpreter, environment variables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakehouse.functions.definition import LATEST, MB, Function
from bakehouse.functions.logs import group_name
from bakehouse.functions.removal import SANDBOX_VARIABLE

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_SPARE_BYTES = 2 << 30  # data segment beyond the memory limit before allocations fail outright


def launch_command(plan: Mapping[str, Any]) -> list[str]:
    """The command line of the launcher with its plan."""
    return [sys.executable, "-I", "-S", _LAUNCHER, json.dumps(plan)]


@dataclass(frozen=True, slots=True)
class Place:
    """One sandbox's folders on the machine."""

    code: Path
    """The function's files."""
    home: Path
    """The sandbox's own folder, not there before :meth:`make`."""

    @property
    def scratch(self) -> Path:
        """The handler's temporary folder."""
        return self.home / "tmp"

    @property
    def stage(self) -> Path:
        """An empty folder on which mounts are put together."""
        return self.home / "stage"

    def make(self) -> None:
        """Make the folders."""
        self.scratch.mkdir(parents=True)
        self.stage.mkdir()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sandboxes of a server share.

    ``is_private`` says that they get mount namespaces of their own; without, a sandbox's temporary
    folder is only what ``TMPDIR`` names, and its code and interpreter lie where the server put
    them.
    """

    interpreter: Path
    """The folder with the handlers' Python."""
    python: Path
    """The interpreter, relative to that folder."""
    is_private: bool
    keep: tuple[str, ...]
    """Folders below /tmp that a private /tmp must still show."""
    region: str
    environment: Callable[[], Mapping[str, str]]
    """What every sandbox gets: the endpoint's address and keys."""

    def command(self, function: Function, place: Place) -> list[str]:
        """The command that starts a handler's process."""
        handler = [f"{self._interpreter()}/{self.python}", "-m", "awslambdaric", function.handler]
        plan = {
            "parent": os.getpid(),
            "command": handler,
            "folder": self._task(place),
            "file_bytes": function.scratch_mb * MB,
            "data_bytes": function.memory_mb * MB + _SPARE_BYTES,
            "mounts": self._mounts(place) if self.is_private else None,
        }
        return launch_command(plan)

    def variables(
        self, function: Function, place: Place, *, runtime_api: str, log_stream: str
    ) -> dict[str, str]:
        """Everything that a handler's process finds in its environment.

        The function's own variables win over what every sandbox gets; Lambda's win over both.
        Source: "Using Lambda environment variables" of the AWS developer guide.

        Args:
            function: whose handler it is.
            place: its sandbox's folders.
            runtime_api: ``host:port`` of the sandbox's Runtime API.
            log_stream: the sandbox's stream.
        """
        scratch = "/tmp" if self.is_private else str(place.scratch)  # noqa: S108  # its own
        task = self._task(place)
        return {
            "PATH": f"{self._interpreter()}/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "LANG": "en_US.UTF-8",
            "LC_CTYPE": "C.UTF-8",
            "TZ": ":UTC",
            "PWD": task,
            "TMPDIR": scratch,
            "HOME": scratch,
            **self.environment(),
            **function.environment,
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": task,
            "LAMBDA_RUNTIME_DIR": self._interpreter(),
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": group_name(function.name),
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            SANDBOX_VARIABLE: str(place.home),
        }

    def _task(self, place: Place) -> str:
        return "/var/task" if self.is_private else str(place.code)

    def _interpreter(self) -> str:
        return "/var/lang" if self.is_private else str(self.interpreter)

    def _mounts(self, place: Place) -> dict[str, Any]:
        return {
            "tmp": str(place.scratch),
            "stage": str(place.stage),
            "keep": list(self.keep),
            "var": {"task": str(place.code), "lang": str(self.interpreter)},
        }
