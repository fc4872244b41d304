"""SageMaker's container contract: the folders, files and variables that an algorithm finds.

The folder of a host is what ``/opt/ml`` is in a container: ``input/config``, ``input/data``,
``model``, ``output``, ``checkpoints``. Source: the Amazon SageMaker developer guide, "How Amazon
SageMaker Runs Your Training Image" and "How Amazon SageMaker Provides Training Information".
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from bakehouse.training.checkpoints import FOLDER
from bakehouse.training.job import Channel, Order

LOOPBACK = "127.0.0.1"

_FAILURE_BYTES = 8192


def hosts(order: Order) -> list[str]:
    """The names of a job's hosts, as SageMaker gives them."""
    return [f"algo-{number + 1}" for number in range(order.instances)]


def lay_out(root: Path, order: Order, host: str) -> None:
    """Make a host's folders and write its configuration; the channels are still empty.

    What an earlier start has left of them is cleared away, but for the checkpoints.
    """
    if root.exists():
        for left in root.iterdir():
            if left.name != FOLDER:
                shutil.rmtree(left)
    for folder in ("input/config", "input/data", "model", "output/data", "tmp"):
        (root / folder).mkdir(parents=True)
    (root / FOLDER).mkdir(exist_ok=True)
    for name, content in _configuration(order, host).items():
        (root / "input/config" / f"{name}.json").write_bytes(orjson.dumps(content))


def _configuration(order: Order, host: str) -> dict[str, dict[str, Any]]:
    return {
        "hyperparameters": dict(order.hyperparameters),
        "inputdataconfig": {channel.name: _channel(channel) for channel in order.channels},
        "resourceconfig": {
            "current_host": host,
            "current_instance_type": order.instance_type,
            "hosts": hosts(order),
            "network_interface_name": "lo",
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    """A channel as the algorithm is told of it."""
    told: dict[str, Any] = {
        **({"ContentType": channel.content_type} if channel.content_type else {}),
        "TrainingInputMode": channel.input_mode,
        "S3DistributionType": "ShardedByS3Key" if channel.sharded else "FullyReplicated",
        "RecordWrapperType": channel.record_wrapper,
    }
    if channel.data_type == "AugmentedManifestFile":
        told |= {"S3DataType": channel.data_type, "AttributeNames": list(channel.attributes)}
    return told


def rendezvous() -> str:
    """An address at which the hosts of a job may meet: a port that was free just now."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return f"{LOOPBACK}:{found.getsockname()[1]}"


def variables(
    order: Order, root: Path, arn: str, base: Mapping[str, str], meeting: str
) -> dict[str, str]:
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
        "BAKEHOUSE_RENDEZVOUS": meeting,
        "BAKEHOUSE_WATCH_STDIN": "1",
    }


def failure_text(root: Path) -> str:
    """What the algorithm says of its failure in ``output/failure``; empty if it says nothing."""
    try:
        with (root / "output/failure").open("rb") as file:
            return file.read(_FAILURE_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""
