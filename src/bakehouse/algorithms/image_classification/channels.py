"""The input channels: pictures and their labels, in each form that the algorithm takes.

Images with ``.lst`` files, RecordIO files and augmented manifests all become the same: a list of
encoded pictures with labels, which are decoded once into a mapped file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.images import (
    Unreadable,
    centre_crop,
    open_image,
    resize_shorter,
    to_planes,
)
from bakehouse.algorithms.image_classification.labels import LabelRule
from bakehouse.algorithms.image_classification.lists import Entry, invalid_list, read_list
from bakehouse.algorithms.image_classification.manifests import label_format, read_manifest
from bakehouse.algorithms.image_classification.pixels import MappedPictures, Pixels, decode_all
from bakehouse.algorithms.image_classification.recordio import (
    Damaged,
    Place,
    find_records,
    read_payload,
    unpack_picture,
)

IMAGE_TYPES = ("application/x-image", "image/png", "image/jpeg")
RECORD_TYPE = "application/x-recordio"
MODEL_TYPE = "application/x-sagemaker-model"
PICTURES, LISTS = ("train", "validation"), ("train_lst", "validation_lst")
MODEL_CHANNEL = "model"
"""Of incremental training: an artifact of this algorithm to go on from."""
FILE_BYTES = 256 * 1024**2
LIMIT_PIXELS = 40_000_000
"""The largest picture that is decoded."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the hyperparameters ask of the pictures."""

    shape: tuple[int, int, int]
    """Channels, rows, columns of the network's input."""
    resize: int | None
    """The shorter side that pictures are resized to before they are cropped."""
    num_classes: int
    multi_label: bool
    whole: bool = False
    """Keep pictures as large as they are, for random crops; otherwise the middle is cut out."""
    limit_pixels: int = LIMIT_PIXELS

    @property
    def rule(self) -> LabelRule:
        """What their labels may be."""
        return LabelRule(self.num_classes, self.multi_label)


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """A channel, decoded."""

    images: Sequence[Pixels]
    """Each one channels x rows x columns, at least as large as the network's input."""
    labels: NDArray[np.int64]
    """A class number for each, or a row of a 0 or 1 for each class."""
    class_names: tuple[str, ...] | None = None
    """In the order of the classes, where the data tell them."""

    def stacked(self) -> Pixels:
        """All pictures, which have one size, as one array; without a copy where possible."""
        together = self.images.stacked() if isinstance(self.images, MappedPictures) else None
        return np.stack(list(self.images)) if together is None else together


@dataclass(frozen=True, slots=True)
class _Source:
    """Encoded pictures with their labels."""

    labels: list[tuple[int, ...]]
    names: Callable[[int], str]
    """What the picture of a number is called in messages."""
    content: Callable[[int], bytes]
    class_names: tuple[str, ...] | None = None


def check_channels(channels: Mapping[str, Any]) -> None:
    """Check the document ``inputdataconfig.json``: which channels there are, and of what kind.

    Raises:
        CustomerError: a channel is missing or unknown, or has a content type that it cannot have.
    """
    known = (*PICTURES, *LISTS, MODEL_CHANNEL)
    if unknown := [name for name in channels if name not in known]:
        raise CustomerError(
            f"The input channel {unknown[0]!r} is not known; the channels are {', '.join(known)}."
        )
    there = [name for name in PICTURES if name in channels] or list(PICTURES)
    lists = [
        listed
        for picture, listed in zip(PICTURES, LISTS, strict=True)
        if _is_image(channels, picture if picture in channels else there[0])
    ]
    if missing := [name for name in (*PICTURES, *lists) if name not in channels]:
        raise CustomerError(
            f"Missing input channel(s): {', '.join(missing)}. Training on images needs the channels"
            f" {', '.join((*PICTURES, *LISTS))}; on RecordIO and on augmented manifests"
            f" {' and '.join(PICTURES)}."
        )
    for name in PICTURES:
        if not _is_image(channels, name) and _kind(channels, name) != RECORD_TYPE:
            allowed = ", ".join((*IMAGE_TYPES, RECORD_TYPE))
            raise _strange_type(name, channels[name]["ContentType"], allowed)
    if MODEL_CHANNEL in channels and _kind(channels, MODEL_CHANNEL) not in (MODEL_TYPE, ""):
        raise _strange_type(MODEL_CHANNEL, channels[MODEL_CHANNEL]["ContentType"], MODEL_TYPE)


def _kind(channels: Mapping[str, Any], channel: str) -> str:
    content_type = str(channels.get(channel, {}).get("ContentType") or "")
    return content_type.partition(";")[0].strip().lower()


def _is_image(channels: Mapping[str, Any], channel: str) -> bool:
    """Whether a channel is of images with a list; one without a content type is."""
    return _kind(channels, channel) in (*IMAGE_TYPES, "")


def _strange_type(channel: str, content_type: str, allowed: str) -> CustomerError:
    return CustomerError(
        f"The content type {content_type!r} of the {channel} channel is not one of {allowed}."
    )


def read_channel(
    data: Path,
    channel: str,
    channels: Mapping[str, Any],
    wanted: Wanted,
    scratch: Path,
    console: Console,
) -> LabelledImages:
    """Read all pictures of ``train`` or ``validation``, in the order of their list or file.

    Args:
        data: the folder ``input/data``.
        channel: the channel's name; its list, if it has one, is in the channel ``<name>_lst``.
        channels: the document ``inputdataconfig.json``.
        wanted: how large the pictures have to be, and what their labels are.
        scratch: a folder for the decoded pixels.
        console: where the log goes.

    Raises:
        CustomerError: a list, a record or a picture cannot be used; names it and says why.
    """
    source = _source(data, channel, channels, wanted, console)

    def decode(number: int) -> Pixels:
        return _decoded(source.content(number), source.names(number), channel, wanted)

    images = decode_all(
        len(source.labels), decode, scratch, console, channel, same_size=not wanted.whole
    )
    labels = np.array(source.labels, dtype=np.int64)
    if not wanted.multi_label:
        labels = labels[:, 0]
    return LabelledImages(images, labels, source.class_names)


def _source(
    data: Path, channel: str, channels: Mapping[str, Any], wanted: Wanted, console: Console
) -> _Source:
    about = channels.get(channel, {})
    if about.get("S3DataType") == "AugmentedManifestFile":
        return _from_manifest(data / channel, channel, about, wanted, console)
    if _is_image(channels, channel):
        sharded = about.get("S3DistributionType") == "ShardedByS3Key"
        return _from_list(data, channel, wanted, console, sharded=sharded)
    return _from_records(data / channel, channel, wanted, console)


# Images and their list


def _from_list(
    data: Path, channel: str, wanted: Wanted, console: Console, *, sharded: bool
) -> _Source:
    console.info(f"Searching for .lst files in {data / f'{channel}_lst'}.")
    path = find_list(data, f"{channel}_lst")
    console.info(f"Creating record files for {path.name}")
    entries = read_list(path, channel, wanted.rule)
    folder = (data / channel).resolve()
    if sharded:
        entries = _here(entries, folder, channel, console)
    return _Source(
        [entry.labels for entry in entries],
        lambda number: entries[number].path,
        lambda number: _content(folder, channel, entries[number].path),
        _folder_names(entries, wanted),
    )


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


def _here(entries: list[Entry], folder: Path, channel: str, console: Console) -> list[Entry]:
    """Of a list of all images those that this machine was given."""
    found = [entry for entry in entries if (folder / entry.path).is_file()]
    console.info(
        f"{len(found)} of the {len(entries)} images of the {channel} channel are on this machine"
        " (ShardedByS3Key)."
    )
    if not found:
        raise invalid_list(channel, "None of its images is on this machine.")
    return found


def _folder_names(entries: list[Entry], wanted: Wanted) -> tuple[str, ...] | None:
    """The classes' names, where each class has a folder of its own alone."""
    if wanted.multi_label:
        return None
    pairs = {(entry.labels[0], entry.path.rpartition("/")[0]) for entry in entries}
    names = dict(pairs)
    if len(names) != len(pairs) or len(set(names.values())) != len(names) or "" in names.values():
        return None
    return _in_order({label: name.rpartition("/")[2] for label, name in names.items()}, wanted)


def _in_order(names: Mapping[int, str], wanted: Wanted) -> tuple[str, ...] | None:
    """Names by class number as a sequence; None unless every class has one of its own."""
    if len(set(names.values())) != wanted.num_classes or len(names) != wanted.num_classes:
        return None
    return tuple(names[number] for number in range(wanted.num_classes))


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


# Augmented manifests


def _from_manifest(
    folder: Path, channel: str, about: Mapping[str, Any], wanted: Wanted, console: Console
) -> _Source:
    form = label_format(str(about.get("ContentType") or ""))
    if wanted.multi_label:
        console.info(f"label-format is {form}")
    manifest = read_manifest(folder, channel, about.get("AttributeNames") or (), form, wanted.rule)
    root, entries = folder.resolve(), manifest.entries
    return _Source(
        [entry.labels for entry in entries],
        lambda number: f"of line {number + 1}",
        lambda number: _content(root, channel, entries[number].path),
        _in_order(manifest.class_names, wanted),
    )


# RecordIO


def _from_records(folder: Path, channel: str, wanted: Wanted, console: Console) -> _Source:
    console.info(f"Searching for .rec files in {folder}.")
    if wanted.multi_label:
        console.info("label-format is multi-hot")
    files = sorted(path for path in folder.rglob("*.rec") if path.is_file())
    if not files:
        raise CustomerError(
            f"The channel {channel} must hold a file whose name ends with .rec; there is none."
        )
    records = _Records(folder, files, channel)
    labels = [records.labels(number, wanted.rule) for number in range(len(records.places))]
    if not labels:
        raise CustomerError(f"The .rec files of the {channel} channel hold no record.")
    return _Source(labels, records.name, records.content)


class _Records:
    """The records of a channel's files, read from several threads."""

    def __init__(self, folder: Path, files: Sequence[Path], channel: str) -> None:
        self._channel = channel
        self.places: list[tuple[Path, Place]] = []
        root = folder.resolve()
        for path in files:
            if not path.resolve().is_relative_to(root):
                raise self._damaged(path, "it leads out of the channel's folder")
            try:
                with path.open("rb") as file:
                    size = path.stat().st_size
                    self.places += [(path, place) for place in find_records(file, size)]
            except Damaged as error:
                raise self._damaged(path, str(error)) from error

    def name(self, number: int) -> str:
        path, place = self.places[number]
        return f"in record {place.number} of {path.name}"

    def labels(self, number: int, rule: LabelRule) -> tuple[int, ...]:
        path, place = self.places[number]
        try:
            return rule.check(unpack_picture(self._payload(path, place), place).labels)
        except ValueError as error:
            if isinstance(error, Damaged):
                raise self._damaged(path, str(error)) from error
            raise self._damaged(path, f"record {place.number}: {error}") from error

    def content(self, number: int) -> bytes:
        path, place = self.places[number]
        return unpack_picture(self._payload(path, place), place).content

    def _payload(self, path: Path, place: Place) -> bytes:
        if place.size > FILE_BYTES:
            raise self._damaged(path, f"record {place.number} is over {FILE_BYTES} bytes")
        with path.open("rb") as file:
            return read_payload(file, place)

    def _damaged(self, path: Path, why: str) -> CustomerError:
        return CustomerError(
            f"The RecordIO file {path.name} of the {self._channel} channel cannot be used: {why}."
        )


def _decoded(content: bytes, name: str, channel: str, wanted: Wanted) -> Pixels:
    """One picture, of the network's size unless it is wanted whole."""
    channels, rows, columns = wanted.shape
    try:
        image = open_image(content, channels, wanted.limit_pixels, at_least=wanted.resize)
        if wanted.resize is not None:
            image = resize_shorter(image, wanted.resize, wanted.limit_pixels)
    except Unreadable as error:
        raise CustomerError(f"The image {name} of the {channel} channel {error}.") from error
    if image.width < columns or image.height < rows:
        raise CustomerError(
            f"input image size smaller than input shape: {name} of the {channel} channel has"
            f" {image.height} rows and {image.width} columns, image_shape asks for {rows} and"
            f" {columns}."
        )
    return to_planes(image if wanted.whole else centre_crop(image, columns, rows))


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
