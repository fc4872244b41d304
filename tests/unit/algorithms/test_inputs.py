"""Every form in which pictures come, read as the training does."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bakehouse.algorithms.image_classification.channels import (
    LabelledImages,
    Wanted,
    read_channel,
)
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.recordio import Picture, write_file
from support.striped_pictures import encoded

RECORDS = {"train": {"ContentType": "application/x-recordio"}}
IMAGES = {"train": {"ContentType": "application/x-image"}}


def plain(colour: int, width: int = 8, height: int = 8, kind: str = "PNG") -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", (width, height), (colour, 0, 0)), kind)


def read(
    root: Path,
    channels: dict[str, Any],
    *,
    log: list[str] | None = None,
    shape: tuple[int, int, int] = (3, 8, 8),
    num_classes: int = 2,
    multi_label: bool = False,
    resize: int | None = None,
    whole: bool = False,
) -> LabelledImages:
    """Read the train channel."""
    stream = io.StringIO()
    (root / "tmp").mkdir(exist_ok=True)
    wanted = Wanted(shape, resize, num_classes, multi_label, whole)
    found = read_channel(root / "data", "train", channels, wanted, root / "tmp", Console(stream))
    if log is not None:
        log += [line.split("] ", 1)[1] for line in stream.getvalue().splitlines()]
    assert list((root / "tmp").iterdir()) == []
    return found


def write_records(root: Path, *files: Sequence[Picture]) -> None:
    """Write .rec files of the train channel."""
    (root / "data/train").mkdir(parents=True)
    for number, pictures in enumerate(files):
        write_file(root / f"data/train/{number}.rec", iter(pictures))


def write_list(root: Path, text: str, files: dict[str, bytes]) -> None:
    """Write the train channel's images and list."""
    for name, content in files.items():
        path = root / "data/train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "data/train_lst").mkdir(parents=True)
    (root / "data/train_lst/train.lst").write_text(text)


def reds(found: LabelledImages) -> list[int]:
    """The colour of each picture."""
    return [int(image[0].mean()) for image in found.images]


def test_records_of_several_files_are_read_in_their_order(tmp_path: Path) -> None:
    """File by file, record by record; the log says where it looked."""
    first = [Picture((float(i % 2),), i, plain(i)) for i in range(40)]
    write_records(tmp_path, first, [Picture((1.0,), 9, plain(99))])
    log: list[str] = []
    found = read(tmp_path, RECORDS, log=log)
    assert reds(found) == [*range(40), 99]
    assert found.labels.tolist() == [i % 2 for i in range(40)] + [1]
    assert log == [f"Searching for .rec files in {tmp_path / 'data/train'}."]
    assert found.stacked().shape == (41, 3, 8, 8)
    assert found.stacked().flags.writeable


def test_records_with_several_labels(tmp_path: Path) -> None:
    """One 0 or 1 for each class."""
    write_records(tmp_path, [Picture((1.0, 0.0, 1.0), 0, plain(5))])
    log: list[str] = []
    found = read(tmp_path, RECORDS, log=log, num_classes=3, multi_label=True)
    assert found.labels.tolist() == [[1, 0, 1]]
    assert "label-format is multi-hot" in log


@pytest.mark.parametrize(
    ("labels", "multi_label", "message"),
    [
        ((0.0, 1.0), False, "0.rec .* record 0: it has 2 labels; more than one need multi_label 1"),
        ((2.0,), False, "0.rec .* record 0: the label is 2; with num_classes 2"),
        ((0.5,), False, "the label is 0.5, which is not a whole number"),
        ((1.0,), True, r"multi-label data \(1\) and the num_classes parameter \(2\)"),
        ((1.0, 2.0), True, "a label is 2; with multi_label each is 0 or 1"),
    ],
)
def test_labels_of_records_that_do_not_fit(
    tmp_path: Path, labels: tuple[float, ...], multi_label: bool, message: str
) -> None:
    """File, record and what is wrong are named."""
    write_records(tmp_path, [Picture(labels, 0, plain(1))])
    with pytest.raises(CustomerError, match=message):
        read(tmp_path, RECORDS, multi_label=multi_label)


def test_damaged_and_missing_records(tmp_path: Path) -> None:
    """A cut file, a picture that is none, an empty channel: each is a sentence."""
    write_records(tmp_path, [Picture((0.0,), 0, b"no picture")])
    with pytest.raises(CustomerError, match=r"image in record 0 of 0\.rec .* neither a PNG nor"):
        read(tmp_path, RECORDS)
    path = tmp_path / "data/train/0.rec"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(
        CustomerError, match=r"0\.rec of the train channel cannot be used: record 0"
    ):
        read(tmp_path, RECORDS)
    path.write_bytes(b"")
    with pytest.raises(CustomerError, match="hold no record"):
        read(tmp_path, RECORDS)
    path.unlink()
    with pytest.raises(CustomerError, match=r"a file whose name ends with \.rec"):
        read(tmp_path, RECORDS)


def test_a_list_with_a_column_for_each_class(tmp_path: Path) -> None:
    """Zeros and ones; another number of columns is AWS's mismatch."""
    write_list(
        tmp_path, "0\t1\t0\t1\ta.png\n1\t0\t0\t0\tb.png\n", {"a.png": plain(1), "b.png": plain(2)}
    )
    found = read(tmp_path, IMAGES, num_classes=3, multi_label=True)
    assert found.labels.tolist() == [[1, 0, 1], [0, 0, 0]]
    with pytest.raises(CustomerError, match=re.escape("(3) and the num_classes parameter (2).")):
        read(tmp_path, IMAGES, multi_label=True)
    with pytest.raises(CustomerError, match="it has 3 labels; more than one need multi_label 1"):
        read(tmp_path, IMAGES)


def test_classes_are_named_by_folders_of_their_own(tmp_path: Path) -> None:
    """Where a class's pictures lie in one folder and no other's do, the folder is its name."""
    files = {"x/motor/a.png": plain(1), "x/bike/b.png": plain(2), "x/bike/c.png": plain(3)}
    text = "0\t1\tx/motor/a.png\n1\t0\tx/bike/b.png\n2\t0\tx/bike/c.png\n"
    write_list(tmp_path, text, files)
    assert read(tmp_path, IMAGES).class_names == ("bike", "motor")
    (tmp_path / "data/train_lst/train.lst").write_text(text.replace("2\t0", "2\t1"))
    assert read(tmp_path, IMAGES).class_names is None


def test_a_shard_reads_what_is_there(tmp_path: Path) -> None:
    """Of a list of all images those that this machine was given; none at all is an error."""
    channels = {"train": {**IMAGES["train"], "S3DistributionType": "ShardedByS3Key"}}
    text = "".join(f"{i}\t{i % 2}\t{i}.png\n" for i in range(4))
    write_list(tmp_path, text, {"1.png": plain(1), "2.png": plain(2)})
    log: list[str] = []
    found = read(tmp_path, channels, log=log)
    assert reds(found) == [1, 2]
    assert any(line.startswith("2 of the 4 images of the train channel") for line in log)
    for name in ("1.png", "2.png"):
        (tmp_path / "data/train" / name).unlink()
    with pytest.raises(CustomerError, match="None of its images is on this machine"):
        read(tmp_path, channels)


def manifest(
    root: Path, *lines: Any, content_type: str = "application/x-recordio"
) -> dict[str, Any]:
    """Lay an augmented manifest out as the training part does; the channel's configuration."""
    folder = root / "data/train"
    (folder / "objects").mkdir(parents=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "train.manifest").write_text("\n".join(texts) + "\n")
    for number in range(len(lines)):
        (folder / f"objects/{number}").write_bytes(plain(number))
    return {
        "train": {
            "ContentType": content_type,
            "S3DataType": "AugmentedManifestFile",
            "AttributeNames": ["source-ref", "class"],
            "TrainingInputMode": "Pipe",
            "RecordWrapperType": "RecordIO",
        }
    }


def test_a_manifest_of_class_numbers(tmp_path: Path) -> None:
    """Numbers and texts of numbers are the same; Ground Truth's metadata name the classes."""
    channels = manifest(
        tmp_path,
        {"source-ref": "s3://b/1", "class": "1", "class-metadata": {"class-name": "motorcycle"}},
        {"source-ref": "s3://b/0", "class": 0, "class-metadata": {"class-name": "bicycle"}},
    )
    found = read(tmp_path, channels)
    assert found.labels.tolist() == [1, 0]
    assert reds(found) == [0, 1]
    assert found.class_names == ("bicycle", "motorcycle")


@pytest.mark.parametrize(
    ("form", "labels"),
    [("class-id", ["[0, 2]", [1], "2"]), ("multi-hot", ["[1, 0, 1]", [0, 1, 0], "[0, 0, 1]"])],
)
def test_a_manifest_of_several_labels(tmp_path: Path, form: str, labels: list[Any]) -> None:
    """Lists of classes or of zeros and ones, by the content type's label-format."""
    lines = [{"source-ref": "s3://b/x", "class": label} for label in labels]
    kind = f"application/x-recordio; label-format={form}"
    found = read(
        tmp_path, manifest(tmp_path, *lines, content_type=kind), num_classes=3, multi_label=True
    )
    assert found.labels.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "train.manifest of the train channel, line 1: 'nonsense' is not JSON"),
        ("[]", "is not a JSON object"),
        ({"source-ref": "x"}, "there is no attribute 'class'"),
        ({"class": "bike"}, "class is 'bike', which is no number"),
        ({"class": True}, "expected numbers"),
        ({"class": "[0, 1]"}, "it has 2 labels"),
        ({"class": 7}, "the label is 7; with num_classes 2"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_bad_line_of_a_manifest_is_named(tmp_path: Path, line: Any, message: str) -> None:
    """The line's number and what is wrong with it."""
    with pytest.raises(CustomerError, match=message):
        read(tmp_path, manifest(tmp_path, line))


def test_an_empty_manifest_is_awss_sentence(tmp_path: Path) -> None:
    """As it stands in AWS's logs."""
    with pytest.raises(CustomerError, match=r"^Got empty batch from pipe\."):
        read(tmp_path, manifest(tmp_path, ""))


def test_pictures_are_cut_in_the_middle_or_kept_whole(tmp_path: Path) -> None:
    """Whole pictures keep their sizes; otherwise all have the network's."""
    wide = Image.new("RGB", (20, 10))
    wide.paste((200, 0, 0), (6, 1, 14, 9))
    write_list(
        tmp_path, "0\t0\ta.png\n1\t1\tb.png\n", {"a.png": encoded(wide), "b.png": plain(7, 9, 30)}
    )
    cut = read(tmp_path, IMAGES)
    assert reds(cut) == [200, 7]
    kept = read(tmp_path, IMAGES, whole=True)
    assert [image.shape for image in kept.images] == [(3, 10, 20), (3, 30, 9)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_resize_keeps_the_proportions(tmp_path: Path, kind: str) -> None:
    """The shorter side is as asked, also where a JPEG is decoded at a part of its size."""
    write_list(tmp_path, "0\t0\ta\n1\t1\tb\n", {
        "a": plain(200, 640, 320, kind), "b": plain(100, 90, 333, kind),
    })  # fmt: skip
    found = read(tmp_path, IMAGES, resize=40, whole=True)
    assert [image.shape for image in found.images] == [(3, 40, 80), (3, 148, 40)]
    assert [abs(a - b) <= 2 for a, b in zip(reds(found), [200, 100], strict=True)] == [True, True]


def test_grey_pictures_have_one_channel(tmp_path: Path) -> None:
    """A colour picture becomes its luminance."""
    write_list(tmp_path, "0\t0\ta.png\n1\t1\tb.png\n", {
        "a.png": encoded(Image.new("RGB", (8, 8), (255, 255, 255))),
        "b.png": encoded(Image.new("L", (8, 8), 9)),
    })  # fmt: skip
    found = read(tmp_path, IMAGES, shape=(1, 8, 8))
    assert np.array_equal(found.stacked()[:, 0, 0, 0], [255, 9])


def test_a_record_may_be_of_any_size_of_the_magic_number(tmp_path: Path) -> None:
    """A picture whose bytes hold the magic number at an aligned place comes back whole."""
    marked = plain(42)
    room = -(24 + len(marked)) % 4
    marked += bytes(room) + b"\x0a\x23\xd7\xce" + bytes(5)  # decoders ignore what follows the end
    write_records(tmp_path, [Picture((1.0,), 0, marked)] * 3)
    assert reds(read(tmp_path, RECORDS)) == [42] * 3
