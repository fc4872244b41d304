"""Folders of images: their files, their listings, and that they are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bakehouse.datasets.drawn import draw_vehicles
from bakehouse.datasets.folders import count_written, write_folder
from bakehouse.datasets.labelled import Dataset, Labelled
from bakehouse.faults import InvalidInput, StorageFailed


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return draw_vehicles(3, train=4, test=2)


def test_listings_name_every_image_with_its_label(tmp_path: Path, dataset: Dataset) -> None:
    """A row is index, label and file name, divided by tabs; the file holds that row's pixels."""
    write_folder(tmp_path / "out", dataset)
    rows = (tmp_path / "out" / "train.lst").read_text().splitlines()
    assert len(rows) == 8
    index, label, name = rows[3].split("\t")
    assert (int(index), int(label)) == (3, dataset.train.labels[3])
    with Image.open(tmp_path / "out" / "train" / name) as image:
        assert (image.mode, image.format, image.size) == ("RGB", "PNG", (32, 32))
        assert np.array_equal(np.asarray(image), dataset.train.images[3])


def test_classes_and_source_are_beside_the_images(tmp_path: Path, dataset: Dataset) -> None:
    """``labels.json`` lists the classes in label order, ``source.json`` says where from."""
    write_folder(tmp_path / "out", dataset)
    assert json.loads((tmp_path / "out" / "labels.json").read_text()) == ["bicycle", "motorcycle"]
    assert json.loads((tmp_path / "out" / "source.json").read_text())["seed"] == 3


def test_names_that_come_twice_are_told_apart(tmp_path: Path, dataset: Dataset) -> None:
    """The archive repeats names within and across splits; the folder does not."""

    def renamed(split: Labelled) -> Labelled:
        return Labelled(split.images, split.labels, ("same.png",) * len(split), split.indices)

    clashing = Dataset(dataset.classes, renamed(dataset.train), renamed(dataset.test), {})
    write_folder(tmp_path / "out", clashing)
    names = [file.name for file in (tmp_path / "out").glob("*/*.png")]
    assert len(set(names)) == 12
    assert {"same.png", "same-train-1.png", "same-test-0.png"} <= set(names)


def test_an_equal_source_is_recognised(tmp_path: Path, dataset: Dataset) -> None:
    """A whole folder answers its counts to its own source and nothing to another."""
    write_folder(tmp_path / "out", dataset)
    assert count_written(tmp_path / "out", dataset.source) == {"train": 8, "test": 4}
    assert count_written(tmp_path / "out", dataset.source | {"seed": 4}) is None


def test_a_folder_that_lost_an_image_is_not_whole(tmp_path: Path, dataset: Dataset) -> None:
    """A deleted image is noticed."""
    write_folder(tmp_path / "out", dataset)
    next((tmp_path / "out" / "test").iterdir()).unlink()
    assert count_written(tmp_path / "out", dataset.source) is None


def test_another_source_replaces_the_folder(tmp_path: Path, dataset: Dataset) -> None:
    """What an earlier call wrote gives way, and nothing is left beside it."""
    write_folder(tmp_path / "out", draw_vehicles(1, train=9, test=1))
    write_folder(tmp_path / "out", dataset)
    assert count_written(tmp_path / "out", dataset.source) == {"train": 8, "test": 4}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("written_before", [True, False])
def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, dataset: Dataset, written_before: bool
) -> None:
    """A folder with other files in it is refused and keeps them."""
    out = tmp_path / "out"
    if written_before:
        write_folder(out, dataset)
    out.mkdir(exist_ok=True)
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInput, match="holds something else"):
        write_folder(out, dataset)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, dataset: Dataset) -> None:
    """Where writing stops half-way, neither the folder nor its half is there."""

    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", dataset, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_refusing_disk_is_a_storage_fault(tmp_path: Path, dataset: Dataset) -> None:
    """A parent that is a file cannot hold a folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_folder(tmp_path / "file" / "out", dataset)
