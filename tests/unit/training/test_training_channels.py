"""From S3 keys to the files of a channel."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.faults import JobFailed
from bakehouse.storage.blobs import FileBlobs, MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore
from bakehouse.training import Channel
from bakehouse.training.channels import fetch, relative_path


def store(*keys: str) -> ObjectStore:
    """A bucket ``data`` with an object of each key, whose content is the key."""
    objects = ObjectStore(MemoryRecords(), MemoryBlobs())
    objects.create_bucket("data")
    for key in keys:
        objects.put("data", key, key.encode())
    return objects


def fetched(objects: ObjectStore, uri: str, folder: Path, **limits: int) -> dict[str, str]:
    """The files of a channel by their path, with what is in them."""
    fetch(objects, [Channel("c", uri)], folder, **{"most_bytes": 1 << 30, **limits})
    files = (path for path in (folder / "c").rglob("*") if path.is_file())
    return {str(path.relative_to(folder / "c")): path.read_text() for path in files}


@pytest.mark.parametrize(
    ("uri", "paths"),
    [
        ("s3://data/train/", {"a.png", "deep/b.png"}),
        ("s3://data/train", {"a.png", "deep/b.png", "train.lst"}),
        ("s3://data/train.lst", {"train.lst"}),
        ("s3://data/train/deep/b.png", {"b.png"}),
        ("s3://data/tra", {"train/a.png", "train/deep/b.png", "train.lst"}),
        ("s3://data/train/d", {"deep/b.png"}),
        ("s3://data", {"train/a.png", "train/deep/b.png", "train.lst"}),
    ],
)
def test_paths_are_relative_to_the_prefix(tmp_path: Path, uri: str, paths: set[str]) -> None:
    """A folder with or without its slash gives its files; one key gives the file's own name."""
    objects = store("train/a.png", "train/deep/b.png", "train.lst")
    assert set(fetched(objects, uri, tmp_path)) == paths


def test_contents_are_the_objects(tmp_path: Path) -> None:
    """Each file holds its own object."""
    assert fetched(store("p/x", "p/y/z"), "s3://data/p/", tmp_path) == {"x": "p/x", "y/z": "p/y/z"}


def test_folder_markers_make_no_files(tmp_path: Path) -> None:
    """Keys that end in a slash, as consoles make them, are left out."""
    assert set(fetched(store("p/", "p/q/", "p/q/x"), "s3://data/p/", tmp_path)) == {"q/x"}


@pytest.mark.parametrize(
    "key", ["p/../x", "p/..", "p/./x", "p//x", "p/a\x00b", "p/" + "x" * 256, "p/q/../../../x"]
)
def test_keys_that_are_no_paths(tmp_path: Path, key: str) -> None:
    """A key that would leave the folder, or that no file system takes, fails the job."""
    with pytest.raises(JobFailed, match="cannot be the path of a file") as failed:
        fetched(store(key), "s3://data/p/", tmp_path)
    assert failed.value.blame == "ClientError"
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("keys", [("p/a", "p/a/b"), ("train", "train/train")])
def test_keys_that_clash(tmp_path: Path, keys: tuple[str, str]) -> None:
    """Two keys that need one path fail the job instead of hiding one of them."""
    with pytest.raises(JobFailed, match="another key has taken"):
        fetched(store(*keys), f"s3://data/{keys[0].removesuffix('/a')}", tmp_path)


@given(st.text(max_size=40), st.text(max_size=10))
def test_no_path_leaves_the_folder(rest: str, prefix: str) -> None:
    """Whatever the key, its path is refused or lies below the folder."""
    try:
        path = relative_path(prefix + rest, prefix)
    except JobFailed:
        return
    assert os.path.normpath(f"/folder/{path}") == f"/folder/{path}"


def test_limits(tmp_path: Path) -> None:
    """There is an end to the bytes and to the number of objects."""
    objects = store("p/1234", "p/5678")
    with pytest.raises(JobFailed, match="larger than the job's volume"):
        fetched(objects, "s3://data/p/", tmp_path / "a", most_bytes=11)
    with pytest.raises(JobFailed, match="more than 1 objects"):
        fetched(objects, "s3://data/p/", tmp_path / "b", most_files=1)


def test_many_small_objects_take_little_time(tmp_path: Path) -> None:
    """1,200 images, over two pages of the listing, are there well within a second of work."""
    objects = ObjectStore(MemoryRecords(), FileBlobs(tmp_path / "blobs"))
    objects.create_bucket("data")
    for number in range(1200):
        objects.put("data", f"train/{number}.png", bytes(2000))
    begun = time.process_time()
    fetch(objects, [Channel("c", "s3://data/train")], tmp_path / "to", most_bytes=1 << 30)
    assert time.process_time() - begun < 1.0
    assert len(list((tmp_path / "to/c").iterdir())) == 1200
