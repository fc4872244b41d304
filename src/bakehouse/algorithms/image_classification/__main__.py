"""The container's entry point: ``python -m bakehouse.algorithms.image_classification train``.

Training ends with 0, or with 1 where the user is to blame and 2 where the algorithm is; the reason
is then in ``output/failure`` under the root.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path

from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.faults import Rejected

CUSTOMER, ALGORITHM = 1, 2
FAILURE_CHARACTERS = 1024
"""What AWS takes of the failure file."""


def main(arguments: list[str]) -> int:
    """Train or serve, and return the process's exit status."""
    given = _parser().parse_args(arguments)
    if os.environ.get("BAKEHOUSE_WATCH_STDIN") == "1":
        threading.Thread(target=_end_with_parent, daemon=True).start()
    console = Console()
    console.plain(f"Docker entrypoint called with argument(s): {given.command}")
    if given.command == "serve":
        return _serve(given.root, given.host, given.port, console)
    return _train(given.root, console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bakehouse.algorithms.image_classification",
        description="SageMaker's built-in image classification, under its container contract.",
    )
    root = argparse.ArgumentParser(add_help=False)
    root.add_argument(
        "--root",
        type=Path,
        default=Path(os.environ.get("BAKEHOUSE_ML_ROOT", "/opt/ml")),
        help="the folder that is /opt/ml in a container (%(default)s)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="train|serve")
    commands.add_parser(
        "train",
        parents=[root],
        help="learn from input/data as input/config says, and write model/",
    )
    serve = commands.add_parser(
        "serve", parents=[root], help="answer pictures by HTTP with the model in model/"
    )
    serve.add_argument("--host", default="0.0.0.0", help="the address to listen on (%(default)s)")  # noqa: S104  # as in every container: its network decides who may ask
    serve.add_argument("--port", type=int, default=8080, help="the TCP port (%(default)s)")
    return parser


def _serve(root: Path, host: str, port: int, console: Console) -> int:
    # Heavy: training needs no HTTP server.
    from bakehouse.algorithms.image_classification.container import serve  # noqa: PLC0415

    try:
        serve(root, host, port)
    except Rejected as error:
        console.error(f"The model in {root / 'model'} cannot be served: {error.message}")
        return CUSTOMER
    return 0


def _train(root: Path, console: Console) -> int:
    halt = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: halt.set())
    # OpenMP's threads would otherwise spin while they wait, which costs more than half of the speed
    # on a machine that does something else as well. Read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        # Heavy: PyTorch takes two seconds, which a wrong command line should not cost.
        from bakehouse.algorithms.image_classification.job import train  # noqa: PLC0415
        from bakehouse.algorithms.image_classification.options import options_from  # noqa: PLC0415

        train(root, replace(options_from(os.environ), halted=halt.is_set), console)
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
