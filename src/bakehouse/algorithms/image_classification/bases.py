"""Weights to begin with: those that come with the package, or an earlier artifact's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bakehouse.algorithms.image_classification.artifact import (
    METADATA_FILE,
    WEIGHTS,
    check_member,
    read_metadata,
)
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.params_files import read_params
from bakehouse.faults import Rejected
from bakehouse.storage.archives import unpack

SHIPPED = "cifar98.npz"
PARAMS = "*.params"
ARCHIVES = "*.tar.gz"
UNPACKED_BYTES = 4 * 1024**3
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The weights of a network that has been trained before."""

    state: Mapping[str, NDArray[Any]]
    """Every array of the network, by PyTorch's names."""
    network: Mapping[str, Any] | None
    """Which network: ``num_layers`` or ``widths``; None where nothing says so."""
    origin: str
    """Where the weights are from, for the log and the artifact."""
    image_shape: tuple[int, int, int] | None = None
    num_classes: int | None = None


@cache
def shipped_base() -> Base:
    """The weights that come with the package; their model card is in the reference."""
    file = resources.files(__package__) / "weights" / SHIPPED
    with file.open("rb") as content, np.load(cast(Any, content), allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        state = {name: arrays[name] for name in arrays.files if name != "about"}
    return Base(state, about["network"], about["name"], tuple(about["image_shape"]))


def read_base(source: Path, scratch: Path) -> Base:
    """Read the weights of an artifact.

    Args:
        source: a ``model.tar.gz``, a folder that holds one ``*.tar.gz`` (as the channel ``model``
            of incremental training does), or the folder of an unpacked artifact.
        scratch: a folder in which an archive may be unpacked; it is left as it was.

    Raises:
        CustomerError: there are no weights, or they are not to be trusted; says what and where.
    """
    if source.is_dir() and (archives := sorted(source.rglob(ARCHIVES))):
        if len(archives) > 1:
            names = ", ".join(path.name for path in archives)
            raise CustomerError(f"{source.name} must hold one model.tar.gz; found: {names}.")
        source = archives[0]
    try:
        if source.is_dir():
            return _read_folder(source, source.name)
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            return _read_archive(source, Path(folder))
    except Rejected as error:
        raise CustomerError(f"The model in {source} cannot be used: {error.message}") from error
    except OSError as error:
        raise CustomerError(f"The model in {source} cannot be read: {error.strerror}.") from error


def _read_archive(archive: Path, folder: Path) -> Base:
    with archive.open("rb") as file:
        chunks = iter(lambda: file.read(_CHUNK), b"")
        unpack(chunks, folder, limit_bytes=UNPACKED_BYTES, source=archive.name)
    return _read_folder(folder, archive.name)


def _read_folder(folder: Path, origin: str) -> Base:
    files = sorted(folder.glob(PARAMS))
    if not files:
        raise CustomerError(
            f"{origin} holds no weights: a file image-classification-NNNN.params at its top, as"
            " this algorithm writes it."
        )
    newest = files[-1]
    arrays = read_params(newest, limit_bytes=UNPACKED_BYTES)
    state = {_plain(name): values for name, values in arrays.items()}
    if not (folder / METADATA_FILE).exists():
        return Base(state, None, f"{origin} ({newest.name})")
    metadata = read_metadata(folder)
    check_member(newest, metadata)
    return Base(
        state,
        metadata.network,
        f"{origin} ({newest.name})",
        metadata.image_shape,
        metadata.num_classes,
    )


def _plain(name: str) -> str:
    """A name without MXNet's mark of what it is."""
    return next((name.removeprefix(mark) for mark in WEIGHTS if name.startswith(mark)), name)
