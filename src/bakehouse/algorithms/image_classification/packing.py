"""Packing pictures into RecordIO files, as MXNet's ``im2rec`` does.

A folder has a folder for each class, numbered in the order of their names; a list names labels and
paths itself. Pictures are encoded in parallel and written in their order; a file takes its name
only when it is whole.
"""

from __future__ import annotations

import io
import itertools
import os
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bakehouse.algorithms.image_classification.images import (
    Unreadable,
    open_image,
    resize_shorter,
)
from bakehouse.algorithms.image_classification.numerals import decimal
from bakehouse.algorithms.image_classification.recordio import Picture, write_file
from bakehouse.faults import InvalidInput, shorten

SUFFIXES = (".jpg", ".jpeg", ".png")
"""Files of other names in a folder are left out."""
LIMIT_PIXELS = 200_000_000
_AHEAD = 64
"""Pictures that are encoded before they are written."""

Told = Callable[[float], None]
"""Hears how much is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How pictures are packed. ``quality`` is that of JPEGs, 1 to 100."""

    root: Path | None = None
    """Where a list's paths begin; None for the folder that the list lies in."""
    resize: int | None = None
    """Pixels of the shorter side."""
    quality: int = 95
    grey: bool = False
    pass_through: bool = False
    """Store the files' own bytes."""
    train_ratio: float = 1.0
    shuffle: bool = True
    seed: int = 100
    skip_bad: bool = False


@dataclass(slots=True)
class Packed:
    """What came of it."""

    files: dict[Path, int] = field(default_factory=dict)
    """Each ``.rec`` file with its pictures."""
    skipped: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    """In the order of their numbers; empty for a list."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A picture to pack."""

    index: int
    labels: tuple[float, ...]
    name: str


def pack(source: Path, target: Path, packing: Packing, told: Told) -> Packed:
    """Pack pictures into ``target.rec``, with ``target.idx`` and ``target.lst`` beside it.

    Args:
        source: a folder of class folders, or a list.
        target: the files' path without a suffix; with a ``train_ratio`` below 1 there are two of
            each, ``…_train`` and ``…_val``.
        packing: how.
        told: hears of the progress.

    Raises:
        InvalidInput: there is nothing to pack, a list's line is none, or a picture is none.
    """
    packed = Packed()
    if source.is_dir():
        root, items = source, _from_folders(source, packed)
    else:
        root, items = packing.root or source.parent, _from_list(source)
    if not items:
        raise InvalidInput("SOURCE", str(source), f"pictures ({', '.join(SUFFIXES)}) or a list")
    if packing.shuffle:
        random.Random(packing.seed).shuffle(items)  # noqa: S311  # nothing is kept secret by it
    kept = round(len(items) * packing.train_ratio)
    parts = {target: items}
    if packing.train_ratio < 1:
        stem = target.name
        parts = {
            target.with_name(f"{stem}_train"): items[:kept],
            target.with_name(f"{stem}_val"): items[kept:],
        }
    done = itertools.count(1)
    for path, part in parts.items():
        _write(path, root, part, packing, packed, lambda: told(next(done) / len(items)))
    return packed


def _from_folders(folder: Path, packed: Packed) -> list[_Item]:
    packed.classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = [
        (label, str(path.relative_to(folder)))
        for label, name in enumerate(packed.classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    return [_Item(index, (float(label),), name) for index, (label, name) in enumerate(names)]


def _from_list(path: Path) -> list[_Item]:
    try:
        lines = path.read_text("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput("SOURCE", str(path), "a list as text in UTF-8") from error
    return [
        _item(line, f"{path.name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _item(line: str, where: str) -> _Item:
    allowed = "an index, at least one label and a path, separated by tabs"
    match [part.strip() for part in line.split("\t")]:
        case [index, first, *more, name] if name:
            try:
                labels = tuple(decimal(label) for label in (first, *more))
                return _Item(int(decimal(index)), labels, name)
            except ValueError as error:
                raise InvalidInput(where, shorten(line), allowed) from error
    raise InvalidInput(where, shorten(line), allowed)


def _write(
    path: Path,
    root: Path,
    items: Sequence[_Item],
    packing: Packing,
    packed: Packed,
    told: Callable[[], None],
) -> None:
    """Write one file, and its index and list; each takes its name when all are whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = {suffix: path.with_name(f"{path.name}{suffix}.partial") for suffix in _SUFFIXES}
    kept: list[_Item] = []
    try:
        pictures = _pictures(root, items, packing, packed, kept, told)
        index = write_file(partial[".rec"], pictures)
        partial[".idx"].write_text("".join(f"{i}\t{offset}\n" for i, offset in index))
        partial[".lst"].write_text("".join(_line(item) for item in kept), "utf-8")
        for suffix, file in partial.items():
            file.replace(path.with_name(f"{path.name}{suffix}"))
    finally:
        for file in partial.values():
            file.unlink(missing_ok=True)
    packed.files[path.with_name(f"{path.name}.rec")] = len(kept)


_SUFFIXES = (".idx", ".lst", ".rec")


def _line(item: _Item) -> str:
    return "\t".join([str(item.index), *(f"{label:g}" for label in item.labels), item.name]) + "\n"


def _pictures(
    root: Path,
    items: Sequence[_Item],
    packing: Packing,
    packed: Packed,
    kept: list[_Item],
    told: Callable[[], None],
) -> Iterator[Picture]:
    """The pictures in their order, some encoded ahead."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: deque[tuple[_Item, Future[bytes]]] = deque()
        coming = iter(items)
        try:
            for _ in range(len(items)):
                while len(waiting) < _AHEAD and (item := next(coming, None)) is not None:
                    waiting.append((item, pool.submit(_encoded, root / item.name, packing)))
                item, future = waiting.popleft()
                told()
                try:
                    content = future.result()
                except (Unreadable, OSError) as error:
                    why = getattr(error, "strerror", None) or str(error)
                    if not packing.skip_bad:
                        allowed = "a picture; --skip-bad leaves out what is none"
                        raise InvalidInput(item.name, why, allowed) from error
                    packed.skipped.append(f"{item.name}: {why}")
                    continue
                kept.append(item)
                yield Picture(item.labels, item.index, content)
        finally:
            pool.shutdown(cancel_futures=True)


def _encoded(path: Path, packing: Packing) -> bytes:
    content = path.read_bytes()
    channels = 1 if packing.grey else 3
    image = open_image(content, channels, LIMIT_PIXELS, at_least=packing.resize)
    if packing.pass_through:
        return content
    if packing.resize is not None:
        image = resize_shorter(image, packing.resize, LIMIT_PIXELS)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=packing.quality)
    return encoded.getvalue()
