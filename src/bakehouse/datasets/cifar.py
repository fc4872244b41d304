"""CIFAR-100: 60,000 photographs of 32 x 32 pixels, a hundred classes, from its official archive.

The archive is ``cifar-100-python.tar.gz`` of https://www.cs.toronto.edu/~kriz/cifar.html, collected
by A. Krizhevsky, V. Nair and G. Hinton. No licence is stated, so each user downloads it and nobody
passes it on; the page asks to cite *Learning Multiple Layers of Features from Tiny Images* (2009).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakehouse.datasets.archive import read_members
from bakehouse.datasets.labelled import SIDE, Dataset, Labelled
from bakehouse.datasets.pickles import read_pickle
from bakehouse.faults import InvalidInput

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
ARCHIVE_NAME = "cifar-100-python.tar.gz"
ARCHIVE_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
CITATION = (
    "Alex Krizhevsky: Learning Multiple Layers of Features from Tiny Images. "
    "Technical report, University of Toronto, 2009."
)

MEMBERS: Mapping[str, str] = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}
"""The MD5 of each member's content. They stay right when somebody packs the archive anew."""

_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse
mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper
snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television
tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

CLASSES: tuple[str, ...] = tuple(_CLASSES.split())
"""The hundred fine classes, by number."""

FOLDER = "cifar-100-python"
_ROW_BYTES = 3 * SIDE * SIDE
_FILE_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}\.png", re.ASCII)


def load_cifar100(
    path: Path, labels: Sequence[str], *, checksums: Mapping[str, str] | None = MEMBERS
) -> Dataset:
    """Read the images of some fine classes.

    Args:
        path: the archive, gzipped.
        labels: two or more fine classes, each by number (``"8"``) or name (``"bicycle"``); they
            are numbered from 0 in this order.
        checksums: the MD5 that each member must have; None takes any that have the right form.

    Returns:
        Both splits, in the archive's order; ``indices`` are the rows in the archive.

    Raises:
        InvalidInput: a label is unknown or given twice, or the archive is not as published.
    """
    members = read_members(path, FOLDER, checksums or dict.fromkeys(MEMBERS))
    names = _class_names(read_pickle(members["meta"], f"{FOLDER}/meta"))
    chosen = choose_labels(labels, names)
    train, test = (
        _select(_read_batch(members.pop(split), f"{FOLDER}/{split}", len(names)), chosen)
        for split in ("train", "test")
    )
    classes = tuple(names[number] for number in chosen)
    return Dataset(classes, train, test, cifar_source(classes))


def cifar_source(classes: Sequence[str]) -> dict[str, Any]:
    """What ``source.json`` says of images from the published archive."""
    return {
        "data": "cifar-100",
        "classes": list(classes),
        "url": URL,
        "md5": dict(MEMBERS),
        "citation": CITATION,
    }


def choose_labels(labels: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    """The numbers of fine classes that are given by number or name.

    Raises:
        InvalidInput: one is unknown or comes twice, or there are fewer than two.
    """
    numbers = tuple(_number(label.strip(), names) for label in labels)
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise InvalidInput("labels", ",".join(labels), "two or more different classes")
    return numbers


def _number(label: str, names: Sequence[str]) -> int:
    if label in names:
        return names.index(label)
    if label.isdecimal() and label.isascii() and len(label) < 4 and int(label) < len(names):
        return int(label)
    closest = " or ".join(difflib.get_close_matches(label, names, 2, 0.5) or ("bicycle", "bus"))
    allowed = f"a number from 0 to {len(names) - 1} or a name such as {closest}"
    raise InvalidInput(
        "labels", label, allowed, f"labels: there is no class {label!r}; expected {allowed}."
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[bytes]


def _class_names(meta: Any) -> tuple[str, ...]:
    names = meta.get(b"fine_label_names") if isinstance(meta, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise InvalidInput(f"{FOLDER}/meta", names, "a list of class names as fine_label_names")
    try:
        return tuple(name.decode("ascii") for name in names)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{FOLDER}/meta", names, "class names in ASCII") from error


def _read_batch(content: bytes, where: str, class_count: int) -> _Batch:
    batch = read_pickle(content, where)
    if not isinstance(batch, dict):
        raise InvalidInput(where, type(batch).__name__, "a dictionary")
    rows, labels, names = (batch.get(key) for key in (b"data", b"fine_labels", b"filenames"))
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != _ROW_BYTES:
        shape = getattr(rows, "shape", None)
        raise InvalidInput(f"{where} data", shape, f"an array of bytes with rows of {_ROW_BYTES}")
    labels = _column(f"{where} fine_labels", labels, len(rows))
    names = _column(f"{where} filenames", names, len(rows))
    if not all(type(label) is int and 0 <= label < class_count for label in labels):
        raise InvalidInput(f"{where} fine_labels", "a list", f"numbers from 0 to {class_count - 1}")
    if not all(isinstance(name, bytes) for name in names):
        raise InvalidInput(f"{where} filenames", "a list", "byte strings")
    return _Batch(rows, np.array(labels, np.int64), names)


def _column(where: str, column: Any, rows: int) -> list[Any]:
    if not isinstance(column, list) or len(column) != rows:
        raise InvalidInput(where, column, f"a list of {rows}, one for each row")
    return column


def _select(batch: _Batch, chosen: Sequence[int]) -> Labelled:
    indices = np.flatnonzero(np.isin(batch.labels, chosen))
    # A row is 1,024 red bytes, then 1,024 green, then 1,024 blue, each plane row by row.
    planes = batch.rows[indices].reshape(-1, 3, SIDE, SIDE)
    return Labelled(
        images=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
        labels=tuple(chosen.index(label) for label in batch.labels[indices]),
        names=tuple(_file_name(batch.names[index]) for index in indices),
        indices=tuple(int(index) for index in indices),
    )


def _file_name(name: bytes) -> str:
    text = name.decode("latin-1")
    if not _FILE_NAME.fullmatch(text):
        raise InvalidInput(f"{FOLDER} filenames", text, "a plain file name that ends in .png")
    return text
