from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bakehouse.algorithms.image_classification.artifact import Metadata, write_artifact
from bakehouse.algorithms.image_classification.graph import to_onnx
from bakehouse.algorithms.image_classification.images import open_image
from bakehouse.algorithms.image_classification.networks import small_network
from bakehouse.algorithms.image_classification.serving import ImageClassifier, load
from bakehouse.faults import InvalidInput, ModelFailed
from support.striped_pictures import encoded, striped

SHAPE = (3, 16, 16)
PIXELS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of an untrained network for two classes."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("artifact")
    write_model(folder)
    return folder


def write_model(folder: Path, shape: tuple[int, int, int] = SHAPE) -> None:
    """Write an untrained network whose metadata states ``shape``."""
    network = small_network(SHAPE, 2, (8, 12), torch.full((3,), 120.0), torch.full((3,), 60.0))
    graph = to_onnx(network.eval(), SHAPE, 2, mirror=True)
    write_artifact(folder, graph, Metadata(shape, 2))


@pytest.fixture(scope="module")
def model(folder: Path) -> ImageClassifier:
    """The artifact, loaded."""
    return load(folder, image_pixels=PIXELS)


def test_the_answer_is_written_as_aws_writes_it(model: ImageClassifier) -> None:
    """A bare list with a blank after the comma, of float32 values widened to double."""
    body, content_type = model.predict(encoded(striped(0, 1)), "application/x-image", None)
    values = json.loads(body)
    assert content_type == "application/json"
    assert body.decode() == f"[{values[0]!r}, {values[1]!r}]"
    assert [float(np.float32(value)) for value in values] == values
    assert sum(values) == pytest.approx(1, abs=1e-6)


def test_json_lines_hold_the_list_under_prediction(model: ImageClassifier) -> None:
    """The batch-transform form is asked for with Accept."""
    picture = encoded(striped(1, 2))
    bare, _ = model.predict(picture, "image/png", "*/*")
    wrapped, content_type = model.predict(picture, "image/png", "application/jsonlines; a=b")
    assert content_type == "application/jsonlines"
    assert wrapped == b'{"prediction": ' + bare + b"}"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16", "CMYK"])
def test_every_mode_is_read(model: ImageClassifier, mode: str) -> None:
    """Pictures of any mode reach the network as the RGB picture that they show."""
    grey = Image.new("L", (16, 16), 64)
    grey.paste(192, (0, 0, 8, 16))
    stored = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        if mode == "I;16"
        else grey.convert("RGB").convert(mode, dither=Image.Dither.NONE)
    )
    assert stored.mode == mode
    shown = np.asarray(grey.point(lambda v: 255 * (v > 127)) if mode == "1" else grey)
    decoded = model.decode(encoded(stored, "JPEG" if mode == "CMYK" else "PNG"))
    assert decoded.shape == SHAPE
    # JPEG is lossy and a palette is approximate; the others are exact.
    tolerance = 30 if mode == "CMYK" else 26 if mode == "P" else 0
    assert np.abs(decoded.astype(int) - shown).max() <= tolerance


def test_transparency_is_dropped_not_blended(model: ImageClassifier) -> None:
    """A fully transparent picture keeps the colours that it stores; palettes likewise."""
    clear = Image.new("RGBA", (16, 16), (10, 200, 30, 0))
    assert model.decode(encoded(clear))[:, 0, 0].tolist() == [10, 200, 30]
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    palette.info["transparency"] = b"\x00\x00"
    assert model.decode(encoded(palette))[:, 0, 0].tolist() == [10, 200, 30]


def test_a_picture_of_another_size_is_stretched(model: ImageClassifier) -> None:
    """The whole picture is used, whatever its proportions."""
    wide = Image.new("RGB", (60, 20), (0, 0, 0))
    wide.paste((255, 255, 255), (0, 0, 30, 20))
    decoded = model.decode(encoded(wide))
    assert decoded.shape == SHAPE
    assert decoded[0, 8, 1] > 250
    assert decoded[0, 8, 14] < 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no picture",
        encoded(striped(0, 1))[:200],
        encoded(striped(0, 1), "GIF"),
        encoded(Image.new("L", (101, 100))),
        b"\x89PNG\r\n\x1a\n" + bytes(60),
    ],
    ids=["empty", "text", "cut off", "gif", "too many pixels", "damaged header"],
)
def test_what_is_no_picture_gets_the_containers_answer(model: ImageClassifier, body: bytes) -> None:
    """Status 400 and AWS's text, before anything large is decoded."""
    with pytest.raises(ModelFailed) as caught:
        model.predict(body, "image/png", None)
    assert (caught.value.status, caught.value.body) == (400, "unable to evaluate payload provided")


def test_a_huge_stated_size_is_refused_by_its_header(model: ImageClassifier) -> None:
    """A bomb of 60,000 by 60,000 pixels costs nothing."""
    png = bytearray(encoded(Image.new("L", (1, 1))))
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(ModelFailed, match="unable to evaluate"):
        model.predict(bytes(png), "image/png", None)


@pytest.mark.parametrize("size", [(1, 65_501), (65_501, 1)])
def test_a_side_that_is_too_long_is_refused(folder: Path, size: tuple[int, int]) -> None:
    """Few pixels in an extreme shape would cost gigabytes in the resize."""
    patient = load(folder, image_pixels=40_000_000)
    with pytest.raises(ModelFailed, match="unable to evaluate") as caught:
        patient.predict(encoded(Image.new("L", size)), "image/png", None)
    assert caught.value.status == 400
    assert patient.decode(encoded(Image.new("L", (1, 65_500)))).shape == SHAPE


MEASURE = """
import io, sys
from PIL import Image
from bakehouse.algorithms.image_classification.images import open_image, stretch, to_planes
mode, width, height, columns = sys.argv[1], *map(int, sys.argv[2:])
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
before = peak()
to_planes(stretch(open_image(sys.stdin.buffer.read(), 3, 40_000_000), columns, 16))
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("mode", "size", "columns"),
    [("I;16", (2000, 4000), 16), ("P", (2000, 4000), 16), ("RGB", (630, 12_600), 9999)],
)
def test_a_picture_takes_about_twice_its_own_memory(
    mode: str, size: tuple[int, int], columns: int
) -> None:
    """Eight million pixels, 32 MB as RGB: neither mode nor shape multiplies that."""
    words = [sys.executable, "-c", MEASURE, mode, *map(str, size), str(columns)]
    done = subprocess.run(words, input=encoded(Image.new(mode, size)), stdout=-1, check=True)
    assert int(done.stdout) < 90


def test_a_large_picture_is_converted_as_a_small_one(folder: Path) -> None:
    """Sixteen bits of grey, changed strip by strip, come out row for row."""
    rows = np.arange(3000, dtype=np.uint16) // 12 << 8
    tall = Image.fromarray(np.repeat(rows[:, None], 1000, axis=1))
    opened = open_image(encoded(tall), 3, 40_000_000)
    assert np.array_equal(np.asarray(opened)[:, 7, 1], rows >> 8)


def test_threads_get_their_own_answers(model: ImageClassifier) -> None:
    """Many calls at once answer what each would alone."""
    pictures = [encoded(striped(i % 2, i)) for i in range(40)]
    alone = [model.predict(picture, "image/png", None) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda p: model.predict(p, "image/png", None), pictures))
    assert together == alone


def test_an_artifact_without_its_files_is_refused(tmp_path: Path) -> None:
    """What is missing is named."""
    with pytest.raises(InvalidInput, match=r"metadata\.json is 'missing'"):
        load(tmp_path, PIXELS)
    write_model(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(InvalidInput, match=r"model\.onnx is 'missing'"):
        load(tmp_path, PIXELS)


def test_a_changed_graph_is_refused(tmp_path: Path) -> None:
    """The checksum in the metadata binds the two files together."""
    write_model(tmp_path)
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"\x00")
    with pytest.raises(InvalidInput, match="SHA-256"):
        load(tmp_path, PIXELS)


def test_bytes_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    """ONNX Runtime's own error is passed on in the sentence."""
    write_artifact(tmp_path, b"junk", Metadata(SHAPE, 2))
    (tmp_path / "model.onnx").write_bytes(b"junk")
    with pytest.raises(InvalidInput, match="a graph that ONNX Runtime can open"):
        load(tmp_path, PIXELS)


def test_metadata_that_disagrees_with_the_graph_is_refused(tmp_path: Path) -> None:
    """The network's input must have the size that the metadata states."""
    write_model(tmp_path, shape=(3, 32, 32))
    with pytest.raises(InvalidInput, match=r"as metadata\.json says"):
        load(tmp_path, PIXELS)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": "x"}', '{"format": "bakehouse/image-classification"}']
)
def test_unknown_metadata_is_refused(tmp_path: Path, text: str) -> None:
    """A document of another kind or version is not guessed at."""
    write_model(tmp_path)
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"metadata\.json"):
        load(tmp_path, PIXELS)
