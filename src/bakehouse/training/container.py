"""SageMaker's container contract: the folders, files and variables that an algorithm finds.

The folder of a job is what ``/opt/ml`` is in a container: ``input/config``, ``input/data``,
``model``, ``output``. Source: the Amazon SageMaker developer guide, "How Amazon SageMaker Runs Your
Training Image" and "How Amazon SageMaker Provides Training Information".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from bakehouse.training.job import Order

HOST = "algo-1"
"""The name of a job's only machine."""

_FAILURE_BYTES = 8192


def lay_out(root: Path, order: Order) -> None:
    """Make a job's folders and write its configuration; the channels are still empty."""
    for folder in ("input/config", "input/data", "model", "output/data", "checkpoints", "tmp"):
        (root / folder).mkdir(parents=True)
    for name, content in _configuration(order).items():
        (root / "input/config" / f"{name}.json").write_bytes(orjson.dumps(content))


def _configuration(order: Order) -> dict[str, dict[str, Any]]:
    return {
        "hyperparameters": dict(order.hyperparameters),
        "inputdataconfig": {
            channel.name: {
                **({"ContentType": channel.content_type} if channel.content_type else {}),
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
            for channel in order.channels
        },
        "resourceconfig": {
            "current_host": HOST,
            "current_instance_type": order.instance_type,
            "hosts": [HOST],
            "network_interface_name": "lo",
        },
    }


def variables(order: Order, root: Path, arn: str, base: Mapping[str, str]) -> dict[str, str]:
    """What the algorithm finds in its environment: the machine's, the job's, and the contract's."""
    return {
        **base,
        **order.environment,
        "TRAINING_JOB_NAME": order.name,
        "TRAINING_JOB_ARN": arn,
        "TMPDIR": str(root / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",  # the job's folder holds strangers' files
        "BAKEHOUSE_ML_ROOT": str(root),
        "BAKEHOUSE_WATCH_STDIN": "1",
    }


def failure_text(root: Path) -> str:
    """What the algorithm says of its failure in ``output/failure``; empty if it says nothing."""
    try:
        with (root / "output/failure").open("rb") as file:
            return file.read(_FAILURE_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""
