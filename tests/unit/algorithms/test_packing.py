from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from bakehouse.algorithms.image_classification.packing import Packing, pack
from bakehouse.algorithms.image_classification.recordio import (
    Picture,
    find_records,
    read_payload,
    unpack_picture,
)
from bakehouse.cli.main import main
from bakehouse.faults import InvalidInput
from support.striped_pictures import encoded


def pictures(path: Path) -> list[Picture]:
    """What a .rec file holds."""
    content = path.read_bytes()
    file = io.BytesIO(content)
    return [unpack_picture(read_payload(file, p), p) for p in find_records(file, len(content))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five pictures, and a file that is none."""
    for number, name in enumerate(("bike", "motor")):
        (tmp_path / "photos" / name / "deep").mkdir(parents=True)
        for i in range(5):
            image = Image.new("RGB", (40, 20), (100 * number, 10 * i, 0))
            (tmp_path / f"photos/{name}/deep/{i}.png").write_bytes(encoded(image))
    (tmp_path / "photos/notes.txt").write_text("no picture")
    return tmp_path / "photos"


def test_a_folder_is_packed_by_class(folder: Path, tmp_path: Path) -> None:
    """Classes are numbered by name; index, list and records belong together."""
    packed = pack(folder, tmp_path / "out/train", Packing(resize=10), lambda share: None)
    assert packed.classes == ["bike", "motor"]
    assert packed.files == {tmp_path / "out/train.rec": 10}
    found = pictures(tmp_path / "out/train.rec")
    listed = [line.split("\t") for line in (tmp_path / "out/train.lst").read_text().splitlines()]
    index = [line.split("\t") for line in (tmp_path / "out/train.idx").read_text().splitlines()]
    assert [int(line[0]) for line in listed] == [one.identifier for one in found]
    assert [line[0] for line in index] == [line[0] for line in listed]
    for line, one in zip(listed, found, strict=True):
        assert one.labels == (float(line[1]),)
        assert line[2].startswith(("bike/" if line[1] == "0" else "motor/") + "deep/")
        with Image.open(io.BytesIO(one.content)) as image:
            assert (image.format, image.size) == ("JPEG", (20, 10))
    assert [line[0] for line in listed] != [str(i) for i in range(10)]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "train.rec",
        "train.idx",
        "train.lst",
    }


def test_a_list_with_several_labels_and_its_own_bytes(folder: Path, tmp_path: Path) -> None:
    """Labels go along as they are; the files' bytes are kept."""
    path = tmp_path / "all.lst"
    path.write_text("7\t1\t0\tbike/deep/0.png\n9\t0\t1\tmotor/deep/1.png\n")
    packing = Packing(root=folder, pass_through=True, shuffle=False)
    pack(path, tmp_path / "all", packing, lambda share: None)
    found = pictures(tmp_path / "all.rec")
    assert [(one.identifier, one.labels) for one in found] == [(7, (1.0, 0.0)), (9, (0.0, 1.0))]
    assert found[0].content == (folder / "bike/deep/0.png").read_bytes()


def test_a_ratio_makes_two_files(folder: Path, tmp_path: Path) -> None:
    """No picture is in both; the same seed gives the same files."""
    for name in ("a", "b"):
        pack(folder, tmp_path / name, Packing(train_ratio=0.8), lambda share: None)
    train, rest = (pictures(tmp_path / f"a_{part}.rec") for part in ("train", "val"))
    assert (len(train), len(rest)) == (8, 2)
    assert not {one.identifier for one in train} & {one.identifier for one in rest}
    assert (tmp_path / "a_train.rec").read_bytes() == (tmp_path / "b_train.rec").read_bytes()


def test_the_command_names_what_is_no_picture(folder: Path, tmp_path: Path) -> None:
    """It ends with the file's name and leaves nothing, or leaves the file out when told so."""
    (folder / "bike/broken.png").write_bytes(b"nonsense")
    run = CliRunner()
    refused = run.invoke(main, ["im2rec", str(folder), str(tmp_path / "x")])
    assert refused.exit_code == 1
    assert "bike/broken.png" in refused.output
    assert "--skip-bad" in refused.output
    assert not list(tmp_path.glob("x*"))
    done = run.invoke(main, ["im2rec", str(folder), str(tmp_path / "x"), "--skip-bad", "--grey"])
    assert done.exit_code == 0, done.output
    assert "left out: bike/broken.png" in done.output
    assert f"{tmp_path / 'x'}.rec: 10 pictures" in done.output
    assert "class 1: motor" in done.output
    with Image.open(io.BytesIO(pictures(tmp_path / "x.rec")[0].content)) as image:
        assert image.mode == "L"


@pytest.mark.parametrize("line", ["0\ta.png", "x\t1\ta.png", "0\tbike\ta.png", "0\t1\t"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    """By its number in the list."""
    (tmp_path / "a.lst").write_text("3\t1\tgood.png\n" + line + "\n")
    with pytest.raises(InvalidInput, match=r"a\.lst, line 2"):
        pack(tmp_path / "a.lst", tmp_path / "out", Packing(), lambda share: None)


def test_nothing_to_pack_is_told(tmp_path: Path) -> None:
    """An empty folder gives no empty files."""
    with pytest.raises(InvalidInput, match="pictures"):
        pack(tmp_path, tmp_path / "out", Packing(), lambda share: None)
