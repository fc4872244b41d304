"""The container's entry point: ``python -m bakehouse.algorithms.image_classification train``.

Ends with 0, or with 1 where the user is to blame and 2 where the algorithm is; the reason is then
in ``output/failure`` under the root.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import traceback
from pathlib import Path

from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError

CUSTOMER, ALGORITHM = 1, 2
FAILURE_CHARACTERS = 1024
"""What AWS takes of the failure file."""


def main(arguments: list[str]) -> int:
    """Train, and return the process's exit status."""
    parser = argparse.ArgumentParser(prog="bakehouse.algorithms.image_classification")
    parser.add_argument("command", choices=["train"])
    parser.add_argument(
        "--root", type=Path, default=Path(os.environ.get("BAKEHOUSE_ML_ROOT", "/opt/ml"))
    )
    root: Path = parser.parse_args(arguments).root
    if os.environ.get("BAKEHOUSE_WATCH_STDIN") == "1":
        threading.Thread(target=_end_with_parent, daemon=True).start()
    console = Console()
    console.plain("Docker entrypoint called with argument(s): train")
    # OpenMP's threads would otherwise spin while they wait, which costs more than half of the speed
    # on a machine that does something else as well. Read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        # Heavy: PyTorch takes two seconds, which a wrong command line should not cost.
        from bakehouse.algorithms.image_classification.job import train  # noqa: PLC0415  # as above
        from bakehouse.algorithms.image_classification.options import (  # noqa: PLC0415  # as above
            options_from,
        )

        train(root, options_from(os.environ), console)
    except CustomerError as error:
        console.error(f"Customer Error: {error}")
        return _failed(root, str(error), CUSTOMER)
    except ModuleNotFoundError as error:
        reason = (
            f"Training needs {error.name}, which is not installed: pip install 'bakehouse[train]'."
        )
        console.error(reason)
        return _failed(root, reason, ALGORITHM)
    except Exception as error:  # noqa: BLE001  # the last resort of a process: all is reported
        for line in traceback.format_exc().splitlines():
            console.error(line)
        return _failed(root, f"{type(error).__name__}: {error}", ALGORITHM)
    return 0


def _failed(root: Path, reason: str, status: int) -> int:
    path = root / "output" / "failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason[:FAILURE_CHARACTERS], "utf-8")
    return status


def _end_with_parent() -> None:
    """End the process when the other end of its standard input is closed, however that happened."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
