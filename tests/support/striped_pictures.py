"""Small data sets for the tests: stripes, upright or lying, that any network learns."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CHANNELS = ("train", "validation", "train_lst", "validation_lst")
REQUIRED = {"image_shape": "3,16,16", "num_classes": "2", "num_training_samples": "64"}


def striped(label: int, seed: int, side: int = 16) -> Image.Image:
    """A noisy RGB picture: upright stripes for label 0, lying ones for label 1."""
    random = np.random.default_rng(seed)
    wave = np.where((np.arange(side) + random.integers(8)) // 4 % 2, 200, 60)
    plane = np.broadcast_to(wave, (side, side)) if label == 0 else wave[:, None] + np.zeros(side)
    noise = random.normal(0, 20, (side, side, 3))
    return Image.fromarray((plane[:, :, None] + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """The picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def write_channel(data: Path, channel: str, count: int, side: int = 16) -> None:
    """Write a channel of alternating labels and its list."""
    (data / channel).mkdir(parents=True, exist_ok=True)
    (data / f"{channel}_lst").mkdir(exist_ok=True)
    lines, seeds = [], 0 if channel == "train" else 500
    for i in range(count):
        name = f"stripes_{i:03d}.png"
        (data / channel / name).write_bytes(encoded(striped(i % 2, seeds + i, side)))
        lines.append(f"{3 * i}\t{i % 2}\t{name}\n")
    (data / f"{channel}_lst" / f"{channel}.lst").write_text("".join(lines))


def write_job(
    root: Path, hyperparameters: Mapping[str, str], channels: Sequence[str] = CHANNELS
) -> Path:
    """Write what a training container finds under ``/opt/ml`` and return the folder."""
    write_channel(root / "input/data", "train", 64)
    write_channel(root / "input/data", "validation", 20)
    configuration: dict[str, Any] = {
        "hyperparameters": dict(hyperparameters),
        "inputdataconfig": {name: {"ContentType": "application/x-image"} for name in channels},
        "resourceconfig": {"hosts": ["algo-1"], "current_host": "algo-1"},
    }
    (root / "input/config").mkdir()
    for name, document in configuration.items():
        (root / "input/config" / f"{name}.json").write_text(json.dumps(document))
    return root
