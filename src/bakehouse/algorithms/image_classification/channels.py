"""The input channels: folders of pictures and their lists, read into memory as pixels."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.images import (
    Unreadable,
    centre_crop,
    open_image,
    resize_shorter,
    to_planes,
)
from bakehouse.algorithms.image_classification.lists import Entry, invalid_list, read_list

IMAGE_TYPES = ("application/x-image", "image/png", "image/jpeg")
REQUIRED = ("train", "validation", "train_lst", "validation_lst")
FILE_BYTES = 256 * 1024**2
DECODED_BYTES = 4 * 1024**3
"""The most pixels, as bytes, that one channel may hold in memory."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a stored picture becomes one of the network's size."""

    shape: tuple[int, int, int]
    """Channels, rows, columns of the network's input."""
    resize: int | None
    """The shorter side that pictures are resized to before they are cropped."""
    limit_pixels: int
    """The largest picture that is decoded."""


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """A channel in memory."""

    images: Sequence[NDArray[np.uint8]]
    """Each one channels x rows x columns, at least as large as the network's input."""
    labels: NDArray[np.int64]


def check_channels(channels: Mapping[str, Any]) -> None:
    """Check the document ``inputdataconfig.json``: the four channels, each with pictures.

    Raises:
        CustomerError: a channel is missing, is unknown, or has a content type that is not
            implemented.
    """
    missing = [name for name in REQUIRED if name not in channels]
    if missing:
        raise CustomerError(
            f"Missing input channel(s): {', '.join(missing)}. Training on images needs the channels"
            f" {', '.join(REQUIRED)}."
        )
    for name, channel in channels.items():
        if name not in REQUIRED:
            raise CustomerError(
                f"The input channel {name!r} is not known; the channels are {', '.join(REQUIRED)}"
                " (incremental training with 'model' is not implemented yet)."
            )
        _check_content_type(name, str(channel.get("ContentType") or IMAGE_TYPES[0]))


def _check_content_type(channel: str, content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() not in IMAGE_TYPES:
        raise CustomerError(
            f"The content type {content_type!r} of the {channel} channel is not one of"
            f" {', '.join(IMAGE_TYPES)}; RecordIO and augmented manifests are not implemented yet."
        )


def read_channel(
    data: Path, channel: str, num_classes: int, geometry: Geometry, *, crop: bool
) -> LabelledImages:
    """Read all pictures of ``train`` or ``validation`` in the order of the list.

    Args:
        data: the folder ``input/data``.
        channel: the channel's name; its list is in the channel ``<name>_lst``.
        num_classes: how many classes there are.
        geometry: how large the pictures have to be.
        crop: cut the middle out of larger pictures now; otherwise they are kept whole, for random
            crops.

    Raises:
        CustomerError: the list or a picture cannot be used; names the file and says why.
    """
    entries = read_list(find_list(data, f"{channel}_lst"), channel, num_classes)
    folder = (data / channel).resolve()
    budget = _Budget(DECODED_BYTES, channel)

    def read(entry: Entry) -> NDArray[np.uint8]:
        pixels = _picture(folder, channel, entry, geometry, crop=crop)
        budget.take(pixels.nbytes)
        return pixels

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = _in_order(pool, read, entries)
    return LabelledImages(images, np.array([entry.label for entry in entries], dtype=np.int64))


def _in_order(
    pool: ThreadPoolExecutor, read: Callable[[Entry], NDArray[np.uint8]], entries: list[Entry]
) -> list[NDArray[np.uint8]]:
    try:
        return list(pool.map(read, entries))
    except CustomerError:
        pool.shutdown(cancel_futures=True)
        raise


def find_list(data: Path, channel: str) -> Path:
    """The one ``.lst`` file of a list channel.

    Raises:
        CustomerError: there is none, or more than one.
    """
    found = sorted(path for path in (data / channel).rglob("*.lst") if path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CustomerError(
            f"The channel {channel} must hold exactly one file whose name ends with .lst;"
            f" found: {names}."
        )
    return found[0]


class _Budget:
    """Counts decoded bytes from several threads; a late count is caught by the next picture."""

    def __init__(self, limit: int, channel: str) -> None:
        self.left, self.limit, self.channel = limit, limit, channel

    def take(self, size_bytes: int) -> None:
        self.left -= size_bytes
        if self.left < 0:
            raise CustomerError(
                f"The pictures of the {self.channel} channel need more than {self.limit} bytes of"
                " memory; make them smaller or set 'resize'."
            )


def _picture(
    folder: Path, channel: str, entry: Entry, geometry: Geometry, *, crop: bool
) -> NDArray[np.uint8]:
    channels, rows, columns = geometry.shape
    content = _content(folder, channel, entry.path)
    try:
        image = open_image(content, channels, geometry.limit_pixels)
        if geometry.resize is not None:
            image = resize_shorter(image, geometry.resize, geometry.limit_pixels)
    except Unreadable as error:
        raise CustomerError(f"The image {entry.path} of the {channel} channel {error}.") from error
    if image.width < columns or image.height < rows:
        raise CustomerError(
            f"input image size smaller than input shape: {entry.path} of the {channel} channel has"
            f" {image.height} rows and {image.width} columns, image_shape asks for {rows} and"
            f" {columns}."
        )
    return to_planes(centre_crop(image, columns, rows) if crop else image)


def _content(folder: Path, channel: str, name: str) -> bytes:
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            raise invalid_list(channel, f"The path {name} leads out of the channel's folder.")
        if path.stat().st_size > FILE_BYTES:
            raise CustomerError(
                f"The image {name} of the {channel} channel is over {FILE_BYTES} bytes."
            )
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise invalid_list(channel, f"There is no file {name} in the {channel} channel.") from error
    except (OSError, RuntimeError) as error:  # the latter is a link that leads to itself
        why = getattr(error, "strerror", None) or "Symlink loop"
        raise invalid_list(channel, f"The file {name} cannot be read: {why}.") from error


def read_document(path: Path) -> dict[str, Any]:
    """Read one of the container's configuration files; a missing one is empty.

    Raises:
        CustomerError: the file does not hold a JSON object.
    """
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise CustomerError(f"{path.name} does not hold JSON: {error}.") from error
    if not isinstance(document, dict):
        raise CustomerError(f"{path.name} must hold a JSON object.")
    return document
