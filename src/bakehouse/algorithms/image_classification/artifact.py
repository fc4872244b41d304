"""What a training job leaves behind: a graph to serve, weights to go on from, and what they are.

``model.tar.gz`` is a flat archive of this folder. ``model.onnx`` takes float pixels 0 to 255 as
(batch, channels, rows, columns), red first, and answers the probabilities of the classes;
normalisation and temperature are inside. ``image-classification-NNNN.params`` and
``model-shapes.json`` have the names and forms of MXNet, in which AWS's container writes them.
``metadata.json`` holds the SHA-256 of each of these and what a reader wants to know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bakehouse.algorithms.image_classification.params_files import write_params
from bakehouse.faults import InvalidInput

MODEL_FILE = "model.onnx"
METADATA_FILE = "metadata.json"
FORMAT = "bakehouse/image-classification"
FORMAT_VERSION = 2
READ_VERSIONS = (1, 2)
"""Version 1 knew one sum, ``model_sha256``, instead of ``members``."""
METADATA_BYTES = 1_000_000
SHAPES_FILE = "model-shapes.json"
WEIGHTS = "arg:", "aux:"
"""Before the names of what is learned, and of what is only counted along."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The document beside the graph."""

    image_shape: tuple[int, int, int]
    """Channels, rows, columns."""
    num_classes: int
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``sha256`` and ``bytes`` of every other file, by name."""
    labels: list[str] | None = None
    """The classes' names in order, where they are known."""
    multi_label: bool = False
    """The answers are independent of each other and do not sum to 1."""
    hyperparameters: Mapping[str, Any] | None = None
    """The final configuration, as the log prints it."""
    recipe: Mapping[str, Any] | None = None
    network: Mapping[str, Any] | None = None
    """What rebuilds the network that the weights are of: ``num_layers`` or ``widths``."""
    base: Mapping[str, Any] | None = None
    """The weights that the training began with; None for random ones."""
    training: Mapping[str, Any] | None = None
    """A summary: images, epochs, seconds, accuracies, seed."""
    temperature: float | None = None
    """What the answers are divided by before the softmax, inside the graph; None for 1."""
    calibration: Mapping[str, Any] | None = None
    """How the temperature was found: images that were kept back, log loss before and after."""
    versions: Mapping[str, str] | None = None
    """Of the libraries that made it."""


def params_name(epoch: int) -> str:
    """The file of the weights of an epoch, counted from 1, as AWS's container names it."""
    return f"image-classification-{epoch:04d}.params"


def write_params_of(
    folder: Path, epoch: int, state: Mapping[str, NDArray[Any]], auxiliary: Collection[str]
) -> Path:
    """Write the weights of an epoch, counted from 1.

    Args:
        folder: of the model.
        epoch: after which the weights were so.
        state: all arrays of the network, by PyTorch's names.
        auxiliary: the names of those that are not learned.
    """
    path = folder / params_name(epoch)
    learned, counted = WEIGHTS
    named = {f"{counted if n in auxiliary else learned}{n}": v for n, v in state.items()}
    write_params(path, named)
    return path


def write_artifact(folder: Path, graph: bytes, metadata: Metadata) -> None:
    """Write the graph, the shapes and, last, the metadata with the sums of all that is there.

    ``metadata.members`` is filled in from the files.
    """
    _write(folder / MODEL_FILE, graph)
    shapes = [{"name": "data", "shape": [1, *metadata.image_shape]}]
    _write(folder / SHAPES_FILE, json.dumps(shapes).encode())
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(metadata)}
    document["members"] = {
        path.name: {"sha256": _sum_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != METADATA_FILE
    }
    _write(folder / METADATA_FILE, (json.dumps(document, indent=2) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def read_artifact(folder: Path) -> tuple[Metadata, bytes]:
    """Read an artifact and check that its two files for serving belong together.

    Returns:
        The metadata and the bytes of the ONNX graph.

    Raises:
        InvalidInput: a file is missing, is not what this version reads, or the graph is not the one
            that the metadata describes.
    """
    metadata = read_metadata(folder)
    return metadata, _graph(folder / MODEL_FILE, metadata)


def read_metadata(folder: Path) -> Metadata:
    """Read ``metadata.json`` alone.

    Raises:
        InvalidInput: it is missing, or not what this version reads.
    """
    document = _document(folder / METADATA_FILE)
    try:
        channels, rows, columns = (int(side) for side in document.pop("image_shape"))
        if document["format_version"] == 1:
            document["members"] = {MODEL_FILE: {"sha256": document["model_sha256"]}}
        known = {one.name for one in fields(Metadata)} - {"image_shape", "num_classes"}
        return Metadata(
            image_shape=(channels, rows, columns),
            num_classes=int(document["num_classes"]),
            **{name: document[name] for name in known & document.keys()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            METADATA_FILE, document, "image_shape, num_classes and members in their forms"
        ) from error


def check_member(path: Path, metadata: Metadata) -> None:
    """Hold a file of the artifact against its sum in the metadata, where there is one.

    Raises:
        InvalidInput: it is another file.
    """
    expected = _expected(metadata, path.name)
    if expected is not None and _sum_of(path) != expected:
        raise InvalidInput(path.name, _sum_of(path), f"the file whose SHA-256 is {expected}")


def _expected(metadata: Metadata, name: str) -> str | None:
    try:
        return str(metadata.members[name]["sha256"])
    except (KeyError, TypeError):
        return None


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    if found not in [(FORMAT, version) for version in READ_VERSIONS]:
        raise InvalidInput(path.name, found, f"the format {FORMAT}, version 1 or {FORMAT_VERSION}")
    return dict(document)


def _graph(path: Path, metadata: Metadata) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            path.name, "missing", "a file in the model's archive, at its top"
        ) from error
    found, expected = sha256(content), _expected(metadata, path.name)
    if found != expected:
        raise InvalidInput(path.name, found, f"the file whose SHA-256 is {expected}")
    return content
