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
from bakehouse.storage.inputs import relative_path
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore
from bakehouse.training import Channel
from bakehouse.training.channels import fetch


def store(*keys: str) -> ObjectStore:
    """A bucket ``data`` with an object of each key, whose content is the key."""
    objects = ObjectStore(MemoryRecords(), MemoryBlobs())
    objects.create_bucket("data")
    for key in keys:
        objects.put("data", key, key.encode())
    return objects


def fetched(objects: ObjectStore, uri: str, folder: Path, **limits: int) -> dict[str, str]:
    """The files of a channel by their path, with what is in them."""
    fetch(objects, [Channel("c", uri)], [folder], **{"most_bytes": 1 << 30, **limits})
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


def write(objects: ObjectStore, key: str, text: str) -> str:
    """Put a text into the bucket; its URI."""
    objects.put("data", key, text.encode())
    return f"s3://data/{key}"


def test_shards_share_the_objects_and_copies_are_linked(tmp_path: Path) -> None:
    """Of a sharded channel each host has its part; the other one lies on the disk once."""
    objects = store(*(f"p/{i}" for i in range(5)), "all/x")
    hosts = [tmp_path / "algo-1", tmp_path / "algo-2"]
    channels = [Channel("part", "s3://data/p/", sharded=True), Channel("all", "s3://data/all/")]
    fetch(objects, channels, hosts, most_bytes=1 << 20)
    parts = [sorted(path.name for path in (host / "part").iterdir()) for host in hosts]
    assert parts == [["0", "2", "4"], ["1", "3"]]
    assert [(host / "all/x").read_text() for host in hosts] == ["all/x", "all/x"]
    assert (hosts[0] / "all/x").samefile(hosts[1] / "all/x")


def test_a_manifest_names_keys_below_its_prefix(tmp_path: Path) -> None:
    """Only what the list names is fetched, by its name in the list."""
    objects = store("deep/a.png", "deep/b/c.png", "deep/other.png")
    uri = write(objects, "m.json", '[{"prefix": "s3://data/deep/"}, "a.png", "b/c.png"]')
    fetch(objects, [Channel("c", uri, data_type="ManifestFile")], [tmp_path], most_bytes=1 << 20)
    files = {str(p.relative_to(tmp_path / "c")) for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"a.png", "b/c.png"}


def test_an_augmented_manifest_brings_its_objects_by_line(tmp_path: Path) -> None:
    """The manifest itself is there, and the object of each line under its number."""
    objects = store("x.png", "deep/y.png")
    lines = '{"source-ref": "s3://data/deep/y.png", "class": "1"}\n\n{"source-ref": "s3://data/x.png"}\n'
    channel = Channel(
        "c",
        write(objects, "train.manifest", lines),
        data_type="AugmentedManifestFile",
        attributes=("source-ref", "class"),
    )
    fetch(objects, [channel], [tmp_path], most_bytes=1 << 20)
    assert (tmp_path / "c/train.manifest").read_text() == lines
    assert (tmp_path / "c/objects/0").read_text() == "deep/y.png"
    assert (tmp_path / "c/objects/1").read_text() == "x.png"


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("ManifestFile", "{}", "is not of the form"),
        ("ManifestFile", "[]", "is not of the form"),
        ("ManifestFile", '[{"prefix": 3}, "a"]', "is not of the form"),
        ("ManifestFile", "[" * 100_000, "is not of the form"),
        ("ManifestFile", '[{"prefix": "s3://data/"}, "no"]', "There is no object s3://data/no"),
        ("ManifestFile", '[{"prefix": "s3://data/a/"}, "../x"]', "There is no object"),
        ("AugmentedManifestFile", "nonsense", "line 1 of the manifest s3://data/m is not JSON"),
        ("AugmentedManifestFile", '{"other": "x"}', "has no text as its attribute 'source-ref'"),
        ("AugmentedManifestFile", '{"source-ref": "http://a/b"}', "is no URI of an object"),
        (
            "AugmentedManifestFile",
            '{"source-ref": "s3://data/x"}\n{"source-ref": "s3://data/no"}',
            "There is no object s3://data/no, named by line 2",
        ),
    ],
)
def test_bad_manifests_fail_the_job(tmp_path: Path, kind: str, text: str, message: str) -> None:
    """The line, the attribute or the URI is named."""
    objects = store("x")
    channel = Channel(
        "c", write(objects, "m", text), data_type=kind, attributes=("source-ref", "class")
    )
    with pytest.raises(JobFailed, match=r"^ClientError: Data download failed:") as failure:
        fetch(objects, [channel], [tmp_path], most_bytes=1 << 20)
    assert message in failure.value.message


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
    fetch(objects, [Channel("c", "s3://data/train")], [tmp_path / "to"], most_bytes=1 << 30)
    assert time.process_time() - begun < 1.0
    assert len(list((tmp_path / "to/c").iterdir())) == 1200
