"""What a training job leaves behind: an ONNX graph and a JSON file that says what it is.

``model.tar.gz`` is a flat archive of this folder. ``model.onnx`` takes float pixels 0 to 255 as
(batch, channels, rows, columns), red first, and answers the probabilities of the classes;
normalisation is inside. ``metadata.json`` holds what serving needs and what a reader wants to know.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bakehouse.faults import InvalidInput

MODEL_FILE = "model.onnx"
METADATA_FILE = "metadata.json"
FORMAT = "bakehouse/image-classification"
FORMAT_VERSION = 1
METADATA_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """The document beside the graph."""

    image_shape: tuple[int, int, int]
    """Channels, rows, columns."""
    num_classes: int
    model_sha256: str
    labels: list[str] | None
    """The classes' names in order, where they are known; the ``.lst`` files do not hold them."""
    hyperparameters: dict[str, Any]
    """The final configuration, as the log prints it."""
    recipe: dict[str, Any]
    training: dict[str, Any]
    """A summary: images, epochs, seconds, accuracies, seed."""
    versions: dict[str, str]
    """Of the libraries that made it."""
    temperature: float | None = None
    """What the logits are divided by to make the confidences match the accuracy; not fitted yet."""


def write_metadata(folder: Path, metadata: Metadata) -> None:
    """Write ``metadata.json`` beside the graph that it describes."""
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(metadata)}
    (folder / METADATA_FILE).write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def read_artifact(folder: Path) -> tuple[Metadata, bytes]:
    """Read an artifact and check that its two files belong together.

    Returns:
        The metadata and the bytes of the ONNX graph.

    Raises:
        InvalidInput: a file is missing, is not what this version reads, or the graph is not the one
            that the metadata describes.
    """
    document = _document(folder / METADATA_FILE)
    try:
        channels, rows, columns = (int(side) for side in document["image_shape"])
        metadata = Metadata(
            image_shape=(channels, rows, columns),
            num_classes=int(document["num_classes"]),
            model_sha256=str(document["model_sha256"]),
            labels=document.get("labels"),
            hyperparameters=document.get("hyperparameters", {}),
            recipe=document.get("recipe", {}),
            training=document.get("training", {}),
            versions=document.get("versions", {}),
            temperature=document.get("temperature"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            METADATA_FILE, document, "image_shape, num_classes and model_sha256 in their forms"
        ) from error
    return metadata, _graph(folder / MODEL_FILE, metadata.model_sha256)


def sha256(content: bytes) -> str:
    """The checksum as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > METADATA_BYTES:
            raise InvalidInput(
                path.name, path.stat().st_size, f"a file of at most {METADATA_BYTES} bytes"
            )
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidInput(
            path.name, "missing", "a file in the model's archive, at its top"
        ) from error
    except ValueError as error:
        raise InvalidInput(path.name, "unreadable", "a JSON document") from error
    found = (
        (document.get("format"), document.get("format_version"))
        if isinstance(document, dict)
        else None
    )
    if found != (FORMAT, FORMAT_VERSION):
        raise InvalidInput(path.name, found, f"the format {FORMAT}, version {FORMAT_VERSION}")
    return dict(document)


def _graph(path: Path, expected_sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            path.name, "missing", "a file in the model's archive, at its top"
        ) from error
    if sha256(content) != expected_sha256:
        raise InvalidInput(
            path.name, sha256(content), f"the file whose SHA-256 is {expected_sha256}"
        )
    return content
