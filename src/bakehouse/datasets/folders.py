"""A data set as a folder: PNG files and the tab-separated ``.lst`` that the algorithm reads.

The folder holds ``train/*.png``, ``test/*.png``, ``train.lst`` and ``test.lst`` (index, label, file
name), ``labels.json`` (the classes in the order of their labels) and ``source.json`` (where the
images are from). It is written beside its place and then renamed: it is whole, or it is not there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from bakehouse.datasets.labelled import Dataset, Labelled
from bakehouse.faults import InvalidInput, StorageFailed

SPLITS = ("train", "test")

_WRITTEN = {"train", "test", "train.lst", "test.lst", "labels.json", "source.json"}


def write_folder(
    folder: Path, dataset: Dataset, *, progress: Callable[[float], None] | None = None
) -> None:
    """Write a data set; a folder that an earlier call wrote there is replaced.

    Args:
        folder: where; its parents are made.
        dataset: what. File names that come twice get their split and row number added.
        progress: told the share of the images that is written, from 0 to 1, now and then.

    Raises:
        InvalidInput: something else is there already.
        StorageFailed: the disk refused.
    """
    refuse_foreign(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(beside / "new", dataset, progress or (lambda _share: None))
            if folder.exists():
                folder.rename(beside / "old")
            (beside / "new").rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be written: {error}.") from error


def count_written(folder: Path, source: Mapping[str, Any]) -> dict[str, int] | None:
    """How many images of each split a folder holds, if it is whole and from exactly this source."""
    try:
        if json.loads((folder / "source.json").read_bytes()) != source:
            return None
        listed = {split: (folder / f"{split}.lst").read_text().count("\n") for split in SPLITS}
        present = {split: len(os.listdir(folder / split)) for split in SPLITS}
    except (OSError, ValueError):
        return None
    return listed if listed == present else None


def refuse_foreign(folder: Path) -> None:
    """Make sure that nothing is lost when ``folder`` is replaced.

    Raises:
        InvalidInput: it holds anything but what :func:`write_folder` writes.
    """
    if not folder.exists():
        return
    found = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {"a file"}
    if found and not ("source.json" in found and found <= _WRITTEN):
        raise InvalidInput(
            "out",
            str(folder),
            "a folder that is new, empty, or was written by this command",
            f"{folder} holds something else already; choose a new or empty folder.",
        )


def _fill(folder: Path, dataset: Dataset, progress: Callable[[float], None]) -> None:
    total = len(dataset.train) + len(dataset.test)
    taken: set[str] = set()
    written = 0
    for split, images in zip(SPLITS, (dataset.train, dataset.test), strict=True):
        (folder / split).mkdir(parents=True)
        names = _unique_names(images, split, taken)
        for image, name in zip(images.images, names, strict=True):
            Image.fromarray(image).save(folder / split / name, "PNG")
            written += 1
            if written % 50 == 0 or written == total:
                progress(written / total)
        rows = zip(images.indices, images.labels, names, strict=True)
        (folder / f"{split}.lst").write_text(
            "".join(f"{index}\t{label}\t{name}\n" for index, label, name in rows)
        )
    _write_json(folder / "labels.json", list(dataset.classes))
    _write_json(folder / "source.json", dataset.source)


def _unique_names(images: Labelled, split: str, taken: set[str]) -> list[str]:
    """The images' file names, each once in the whole data set: the archive repeats some."""
    names = []
    for name, index in zip(images.names, images.indices, strict=True):
        unique = name if name not in taken else f"{Path(name).stem}-{split}-{index}.png"
        taken.add(unique)
        names.append(unique)
    return names


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
