"""Whether sandboxes can have folders of their own here, and what must stay visible in them."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import Any

from bakehouse.functions.interpreter import interpreter_roots
from bakehouse.functions.surroundings import launch_command

_TRIAL_S = 10.0
_SHARED = Path("/tmp")  # noqa: S108  # the folder that sandboxes do not share

_SHARING = (
    "Handlers see this machine's /tmp, and TMPDIR names a folder of their own, because the system "
    "allows no mount namespace: %s"
)

_log = logging.getLogger(__name__)


def is_private_possible(trial: Path) -> bool:
    """Try whether the kernel allows a mount namespace; takes some 20 ms.

    Args:
        trial: a folder for the attempt, not there yet.
    """
    places = {name: trial / name for name in ("tmp", "stage", "task")}
    for place in places.values():
        place.mkdir(parents=True)
    mounts: dict[str, Any] = {
        "tmp": str(places["tmp"]),
        "stage": str(places["stage"]),
        "keep": [],
        "var": {"task": str(places["task"])},
    }
    command = launch_command({"command": None, "mounts": mounts})
    try:
        tried = subprocess.run(
            command, capture_output=True, text=True, timeout=_TRIAL_S, check=False
        )
    except subprocess.TimeoutExpired:
        _log.warning(_SHARING, f"trying one took more than {_TRIAL_S:.0f} s")
        return False
    if tried.returncode != 0:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        _log.warning(_SHARING, reason)
    return tried.returncode == 0


def folders_to_keep() -> tuple[str, ...]:
    """What a handler's interpreter needs from below /tmp: mostly nothing."""
    needed = [root for root in interpreter_roots() if root.is_relative_to(_SHARED)]
    outermost = [root for root in needed if not any(up in needed for up in root.parents)]
    return tuple(str(root) for root in outermost if root != _SHARED)
