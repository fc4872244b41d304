"""From nothing to a folder of labelled images: of the archive if it can be had, else drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bakehouse.datasets import cifar
from bakehouse.datasets.cache import cached_archive, fetch_archive, find_archive
from bakehouse.datasets.drawn import CLASSES as DRAWABLE
from bakehouse.datasets.drawn import draw_vehicles, drawn_source
from bakehouse.datasets.folders import count_written, refuse_foreign, write_folder
from bakehouse.datasets.labelled import Dataset
from bakehouse.faults import InvalidInput, Rejected, WorkFailed

Report = Callable[[str], None]
Progress = Callable[[str, float], None]
"""Told a stage (``download``, ``read``, ``draw`` or ``write``) and its share done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder of images, ready to be uploaded.

    Args:
        folder: where it is.
        source: whether the images are photographs of CIFAR-100 or drawn.
        reason: why they are drawn though nobody asked for that; else None.
        counts: how many images each split has.
        classes: the classes' names in the order of their labels.
    """

    folder: Path
    source: Literal["cifar-100", "drawn"]
    reason: str | None
    counts: dict[str, int]
    classes: tuple[str, ...]


def prepare_data(
    out: Path,
    *,
    archive: Path | None = None,
    labels: Sequence[str] = ("8", "48"),
    drawn: bool = False,
    seed: int = 0,
    download: bool = True,
    replace: bool = True,
    report: Report = lambda _line: None,
    progress: Progress | None = None,
) -> Prepared:
    """Make a folder of images; where it is there already from the same source, it is left alone.

    Args:
        out: the folder.
        archive: the CIFAR-100 archive; without it ``BAKEHOUSE_CIFAR100``, the cache and the web.
        labels: two or more fine classes of CIFAR-100 by number or name.
        drawn: draw the images, whether there is an archive or not.
        seed: which drawings; equal seeds give equal images.
        download: whether the web may be asked.
        replace: whether images from another source, or changed ones, may give way in ``out``.
        report: told what happens, in sentences.
        progress: told how far each stage is.

    Raises:
        InvalidInput: a label is unknown, the seed is negative, the archive that was named cannot
            be used, or ``out`` holds something else, also other images where they are not to be
            replaced.
        WorkFailed: no archive can be had, and these classes cannot be drawn.
        StorageFailed: the disk refused.
    """
    if seed < 0:
        raise InvalidInput("seed", seed, "a whole number from 0")
    tell = progress or (lambda _stage, _share: None)
    classes = tuple(cifar.CLASSES[n] for n in cifar.choose_labels(labels, cifar.CLASSES))
    refuse_foreign(out)
    if drawn:
        return _prepare_drawn(out, classes, seed, None, report, tell, replace=replace)
    counts = count_written(out, cifar.cifar_source(classes))
    if counts is not None:
        report(f"{out} holds these photographs already.")
        return Prepared(out, "cifar-100", None, counts, classes)
    try:
        found = _obtain(archive, download, report, tell)
    except WorkFailed as failure:
        reason = failure.message
        return _prepare_drawn(out, classes, seed, reason, report, tell, replace=replace)
    _make_way(out, report, replace=replace)
    report(f"Reading {found}.")
    tell("read", 0.0)
    dataset = cifar.load_cifar100(found, classes)
    tell("read", 1.0)
    return _written(out, dataset, None, report, tell)


def _obtain(archive: Path | None, download: bool, report: Report, tell: Progress) -> Path:
    found = find_archive(archive, os.environ)
    if found is not None:
        return found
    target = cached_archive(os.environ)
    if not download:
        raise WorkFailed(f"There is no archive at {target}, and downloading is switched off.")
    report(f"Downloading {cifar.URL} to {target}.")
    try:
        return fetch_archive(target, progress=lambda share: tell("download", share))
    except (Rejected, OSError) as error:
        raise WorkFailed(str(error)) from error


def _prepare_drawn(
    out: Path,
    classes: tuple[str, ...],
    seed: int,
    reason: str | None,
    report: Report,
    tell: Progress,
    *,
    replace: bool,
) -> Prepared:
    undrawable = sorted(set(classes) - set(DRAWABLE))
    if undrawable:
        _refuse_undrawable(undrawable, reason)
    if reason is not None:
        report(f"{reason} Going on with drawn bicycles and motorcycles.")
    counts = count_written(out, drawn_source(classes, seed))
    if counts is not None:
        report(f"{out} holds these drawings already.")
        return Prepared(out, "drawn", reason, counts, classes)
    _make_way(out, report, replace=replace)
    dataset = draw_vehicles(seed, classes=classes, progress=lambda share: tell("draw", share))
    return _written(out, dataset, reason, report, tell)


def _make_way(out: Path, report: Report, *, replace: bool) -> None:
    """Say what is about to be replaced in a folder that an earlier call wrote, or refuse to."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    there = _described(out)
    if not replace:
        wanted = "a folder that is new, empty, or holds these images already"
        sentence = f"{out} holds {there}; choose another folder, or replace them (--replace)."
        raise InvalidInput("out", str(out), wanted, sentence)
    report(f"Replacing what {out} holds: {there}.")


def _described(folder: Path) -> str:
    """What a folder's ``source.json`` says of its images, in words."""
    try:
        source = json.loads((folder / "source.json").read_bytes())
        kind = {"cifar-100": "photographs of CIFAR-100", "drawn": "drawings"}[source["data"]]
        seed = f", seed {source['seed']}" if "seed" in source else ""
        return f"{kind} ({', '.join(map(str, source['classes']))}{seed})"
    except (OSError, ValueError, KeyError, TypeError):
        return "images of another source"


def _refuse_undrawable(classes: Sequence[str], reason: str | None) -> None:
    can = f"Only {' and '.join(DRAWABLE)} can be drawn, not {', '.join(classes)}."
    if reason is None:
        raise InvalidInput("labels", ",".join(classes), f"of {', '.join(DRAWABLE)}", can)
    raise WorkFailed(f"{reason} {can}")


def _written(
    out: Path, dataset: Dataset, reason: str | None, report: Report, tell: Progress
) -> Prepared:
    write_folder(out, dataset, progress=lambda share: tell("write", share))
    counts = {"train": len(dataset.train), "test": len(dataset.test)}
    source: Literal["cifar-100", "drawn"] = (
        "drawn" if dataset.source["data"] == "drawn" else "cifar-100"
    )
    report(f"Wrote {counts['train']} + {counts['test']} images to {out}.")
    return Prepared(out, source, reason, counts, dataset.classes)
