"""The official archive's form: what is read from it and what is refused."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from bakehouse.datasets import cifar
from bakehouse.datasets.labelled import Dataset
from bakehouse.faults import InvalidInput
from support.cifar_archives import (
    FOLDER,
    batch,
    members,
    pixels,
    python2_pickle,
    write_archive,
)


def load(path: Path, *labels: str) -> Dataset:
    return cifar.load_cifar100(path, labels or ("bicycle", "motorcycle"), checksums=None)


def test_rows_of_the_chosen_classes_are_kept_in_order(tmp_path: Path) -> None:
    """Rows keep the archive's order and their row numbers."""
    loaded = load(write_archive(tmp_path / "a.tar.gz"))
    assert loaded.train.indices == (1, 2, 4, 5, 7, 8)
    assert loaded.train.labels == (0, 1, 0, 1, 0, 1)
    assert loaded.classes == ("bicycle", "motorcycle")
    assert len(loaded.test) == 4


def test_labels_are_numbered_in_the_order_of_choice(tmp_path: Path) -> None:
    """Numbers and names may be mixed; the first one chosen becomes label 0."""
    loaded = load(write_archive(tmp_path / "a.tar.gz"), "2", "apple")
    assert loaded.classes == ("motorcycle", "apple")
    assert loaded.train.labels == (1, 0, 1, 0, 1, 0)


def test_a_row_is_three_colour_planes(tmp_path: Path) -> None:
    """Byte 0 is the first pixel's red, byte 1024 its green, byte 2048 its blue."""
    row = pixels(9)[4]
    image = load(write_archive(tmp_path / "a.tar.gz")).train.images[2]
    assert image[0, 0].tolist() == [row[0], row[1024], row[2048]]
    assert image[3, 5].tolist() == [row[101], row[1125], row[2149]]


@pytest.mark.parametrize("labels", [("bicycle",), ("bicycle", "1"), ("bicycle", "3"), ("9" * 99,)])
def test_labels_that_are_unknown_too_few_or_doubled_are_refused(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """A choice is two or more different classes that exist."""
    with pytest.raises(InvalidInput) as caught:
        load(write_archive(tmp_path / "a.tar.gz"), *labels)
    assert caught.value.path == "labels"


def test_a_mistyped_class_is_answered_with_the_closest() -> None:
    """The error names the class that was probably meant."""
    with pytest.raises(InvalidInput, match="a name such as bicycle"):
        cifar.choose_labels(["bycicle", "48"], cifar.CLASSES)


def test_the_default_classes_have_their_published_numbers() -> None:
    """8 is bicycle and 48 is motorcycle."""
    assert cifar.choose_labels(["bicycle", "motorcycle"], cifar.CLASSES) == (8, 48)
    assert len(set(cifar.CLASSES)) == 100


def test_another_content_than_the_published_is_refused(tmp_path: Path) -> None:
    """Where members are verified, a made-up archive names the MD5 that it has and should have."""
    path = write_archive(tmp_path / "a.tar.gz")
    with pytest.raises(InvalidInput, match=cifar.MEMBERS["train"]):
        cifar.load_cifar100(path, ["8", "48"])


@pytest.mark.parametrize("name", ["../train", f"{FOLDER}/../../etc/passwd", "/etc/passwd", "train"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Every member lies in the one folder, whether it is wanted or not."""
    path = write_archive(tmp_path / "a.tar.gz", {name: b"x", **members()})
    with pytest.raises(InvalidInput, match="lies outside the folder"):
        load(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    """A member is a file or a folder."""
    member = tarfile.TarInfo(f"{FOLDER}/meta")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(InvalidInput, match="a link or a device"):
        load(write_archive(tmp_path / "a.tar.gz", None, member))


def test_a_member_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    """The size in the header is judged before anything is read."""
    member = tarfile.TarInfo(f"{FOLDER}/train")
    member.size = 10**12
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(f"{FOLDER}/before"))
        assert archive.fileobj is not None
        archive.fileobj.write(member.tobuf())
    with pytest.raises(InvalidInput, match="claims 1000000000000 bytes"):
        load(path)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    """An archive of thousands of members is not walked to its end."""
    extra = [tarfile.TarInfo(f"{FOLDER}/{number}") for number in range(100)]
    with pytest.raises(InvalidInput, match="more than 64 members"):
        load(write_archive(tmp_path / "a.tar.gz", None, *extra))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_archive_is_refused(tmp_path: Path, share: float) -> None:
    """A file that was cut short anywhere is a clear error."""
    path = write_archive(tmp_path / "a.tar.gz")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InvalidInput, match="cut short or is no gzipped tar"):
        load(path)


def test_one_changed_pixel_is_noticed(tmp_path: Path) -> None:
    """The checksums cover every byte of every member."""
    published = {
        name.rpartition("/")[2]: hashlib.md5(content, usedforsecurity=False).hexdigest()
        for name, content in members().items()
    }
    tampered = pixels(9)
    tampered[4, 1000] ^= 1
    content = members(train=python2_pickle(batch(9, data=tampered)))
    good = write_archive(tmp_path / "good.tar.gz")
    bad = write_archive(tmp_path / "bad.tar.gz", content)
    assert len(cifar.load_cifar100(good, ["1", "2"], checksums=published).train) == 6
    with pytest.raises(InvalidInput, match=f"{FOLDER}/train has the MD5"):
        cifar.load_cifar100(bad, ["1", "2"], checksums=published)


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    """An archive without test data says so."""
    content = members()
    del content[f"{FOLDER}/test"]
    with pytest.raises(InvalidInput, match=f"{FOLDER}/test is missing"):
        load(write_archive(tmp_path / "a.tar.gz", content))


def test_no_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(InvalidInput, match="nowhere"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": np.zeros((6, 3071), np.uint8)}, "rows of 3072"),
        ({"data": np.zeros(6 * 3072, np.uint8)}, "rows of 3072"),
        ({"data": b"bytes"}, "rows of 3072"),
        ({"data": np.zeros((5, 3072), np.uint8)}, "a list of 5"),
        ({"data": np.zeros((6, 3072), np.float32)}, "where bytes"),
        ({"fine_labels": [0] * 5}, "a list of 6"),
        ({"fine_labels": [0, 1, 2, 0, 1, 3]}, "numbers from 0 to 2"),
        ({"fine_labels": [0, 1, 2, 0, 1, -1]}, "numbers from 0 to 2"),
        ({"fine_labels": [0, 1, 2, 0, 1, "1"]}, "numbers from 0 to 2"),
        ({"filenames": None}, "a list of 6"),
        ({"filenames": [1] * 6}, "byte strings"),
        ({"filenames": [b"../escape.png"] * 6}, "a plain file name"),
        ({"filenames": [b"/etc/x.png"] * 6}, "a plain file name"),
    ],
)
def test_a_batch_of_another_form_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    """Shapes, types, lengths, ranges and names are checked once they are read."""
    content = members(test=python2_pickle(batch(6, **changes)))
    with pytest.raises(InvalidInput, match=said):
        load(write_archive(tmp_path / "a.tar.gz", content))


@pytest.mark.parametrize(
    "meta", [{}, [], {b"fine_label_names": "ab"}, {b"fine_label_names": [b"\xff", b"a"]}]
)
def test_class_names_of_another_form_are_refused(tmp_path: Path, meta: object) -> None:
    """The meta member holds a list of names in ASCII."""
    content = members(meta=python2_pickle(meta))
    with pytest.raises(InvalidInput, match=f"{FOLDER}/meta"):
        load(write_archive(tmp_path / "a.tar.gz", content))


def test_the_published_archive_gives_its_known_rows() -> None:
    """500 + 500 and 100 + 100 images, and the first row's first pixels."""
    named = os.environ.get("BAKEHOUSE_CIFAR100")
    if not named:
        pytest.skip("BAKEHOUSE_CIFAR100 names no archive")
    loaded = cifar.load_cifar100(Path(named), ["bicycle", "motorcycle"])
    assert (len(loaded.train), loaded.train.labels.count(0)) == (1000, 500)
    assert (len(loaded.test), loaded.test.labels.count(0)) == (200, 100)
    assert loaded.train.indices[:3] == (16, 30, 130)
    assert loaded.train.names[0] == "bike_s_000682.png"
    assert loaded.train.images[0, 0, :4].tolist() == [
        [35, 38, 32],
        [27, 29, 24],
        [31, 33, 28],
        [77, 74, 67],
    ]
