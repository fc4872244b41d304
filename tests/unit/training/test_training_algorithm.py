"""A job that runs the real image-classification algorithm."""

from __future__ import annotations

import io
import random
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from bakehouse.algorithms import algorithm_for
from bakehouse.storage.objects import ObjectStore
from bakehouse.training import Channel, Order
from support.training_parts import ORDER, Parts, empty_house, run_job

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
CHANNELS = tuple(
    Channel(name, f"s3://data/{place}", "application/x-image")
    for name, place in (
        ("train", "train/"),
        ("validation", "test/"),
        ("train_lst", "train.lst"),
        ("validation_lst", "test.lst"),
    )
)


def picture(label: int, chance: random.Random) -> bytes:
    """A disc or a bar somewhere on a grey ground."""
    image = Image.new("RGB", (32, 32), (chance.randrange(80, 160),) * 3)
    x, y = chance.randrange(4, 14), chance.randrange(4, 14)
    draw = ImageDraw.Draw(image)
    if label:
        draw.ellipse((x, y, x + 14, y + 14), fill=(230, 40, 40))
    else:
        draw.rectangle((x, y, x + 4, y + 16), fill=(40, 40, 230))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def fill(objects: ObjectStore) -> None:
    """Discs and bars in ``train/`` and ``test/`` with their lists."""
    chance = random.Random(0)
    for part, number in (("train", 64), ("test", 32)):
        rows = []
        for index in range(number):
            objects.put("data", f"{part}/{index}.png", picture(index % 2, chance))
            rows.append(f"{index}\t{index % 2}\t{index}.png\n")
        objects.put("data", f"{part}.lst", "".join(rows).encode())


def asking(**hyperparameters: str) -> Order:
    """An order with the three hyperparameters that every job has, and others."""
    given = {"image_shape": "3,32,32", "num_classes": "2", "num_training_samples": "64"}
    return replace(ORDER, image=IMAGE, hyperparameters=given | hyperparameters, channels=CHANNELS)


def real_house(folder: Path) -> Parts:
    """Training jobs with the algorithms that there are, and pictures in S3."""
    house = empty_house(folder, algorithm_for, max_running=1)
    fill(house.objects)
    return house


@pytest.mark.slow
def test_real_algorithm(tmp_path: Path) -> None:
    """The built-in algorithm trains from S3 to ``model.tar.gz``, with its log and metrics."""
    house = real_house(tmp_path)
    order = asking(image_shape="3,28,28", num_layers="20", epochs="2", mini_batch_size="16")
    job = run_job(house, order, limit_s=110)
    lines = house.lines("job-1")
    assert job.failure is None, lines[-5:]
    assert job.status == "Completed"
    assert {"train:accuracy:epoch", "validation:accuracy"} <= {one.name for one in job.metrics}
    assert any("Validation-accuracy=" in line for line in lines)
    packed = house.objects.read("results", "models/job-1/output/model.tar.gz", limit_bytes=1 << 28)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert {"model.onnx", "metadata.json"} <= set(tar.getnames())


@pytest.mark.slow
def test_real_refusal(tmp_path: Path) -> None:
    """A wrong hyperparameter ends the job as the user's fault, in the algorithm's words."""
    house = real_house(tmp_path)
    order = asking(num_classes="two")
    job = run_job(house, order, limit_s=110)
    assert job.status == "Failed"
    assert job.failure is not None
    assert job.failure.startswith("ClientError: ")
    assert "num_classes" in job.failure
