"""How fast pictures are read: JPEGs of mixed size, decoded, resized and cropped, against training.

The pictures are drawn from a seed. Loading has to be much faster than training consumes, and the
memory of the process must not grow with the data.

    python benchmarks/loading.py --images 9000
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from bakehouse.algorithms.image_classification.channels import Wanted, read_channel
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.hardware import this_machine, usable_cores
from bakehouse.algorithms.image_classification.hyperparameters import read_hyperparameters
from bakehouse.algorithms.image_classification.networks import build
from bakehouse.algorithms.image_classification.plan import plan_for
from bakehouse.algorithms.image_classification.weights import architecture_for

SHAPE, RESIZE = (3, 64, 64), 72
SIDES = 80, 400


def draw(path: Path, seed: int) -> None:
    """A JPEG of clouds, of a size between the two sides."""
    random = np.random.default_rng(seed)
    width, height = random.integers(*SIDES, 2)
    clouds = Image.fromarray(random.integers(0, 256, (12, 12, 3), np.uint8))
    clouds.resize((int(width), int(height)), Image.Resampling.BICUBIC).save(path, quality=90)


def trained_per_second(images: int) -> float:
    """Images/s of the recipe's own network and precision for as many images."""
    given = {"image_shape": "3,64,64", "num_classes": "10", "num_training_samples": str(images)}
    plan = plan_for(read_hyperparameters(given), this_machine(), strict_defaults=False)
    torch.set_num_threads(usable_cores())
    network = build(architecture_for(plan, None), SHAPE, 10).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, 0.9, nesterov=True)
    batch = (torch.rand(256, *SHAPE) * 255).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(256) % 10
    for number in range(7):
        if number == 2:
            began = time.monotonic()
        with torch.autocast("cpu", torch.bfloat16, plan.precision == "mixed"):
            answers = network(batch)
        loss = F.cross_entropy(answers.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return 5 * 256 / (time.monotonic() - began)


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=9000)
    count = parser.parse_args().images
    trained = trained_per_second(count)
    print(f"training: {trained:.0f} images/s", flush=True)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder)
        for name in ("data/train", "data/train_lst", "tmp"):
            (root / name).mkdir(parents=True)
        with ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(lambda i: draw(root / f"data/train/{i}.jpg", i), range(count)))
        lines = [f"{i}\t{i % 10}\t{i}.jpg\n" for i in range(count)]
        (root / "data/train_lst/train.lst").write_text("".join(lines))
        size = sum(path.stat().st_size for path in (root / "data/train").iterdir())
        print(f"{count} JPEGs, {size / 2**20:.0f} MiB, sides {SIDES[0]} to {SIDES[1]}", flush=True)
        print("                       images/s  x training  peak MiB  load")
        for title, resize, whole in (
            ("cropped in the middle", None, False),
            ("resize 72, whole", RESIZE, True),
            ("whole", None, True),
        ):
            wanted = Wanted(SHAPE, resize, 10, False, whole)
            channels = {"train": {"ContentType": "application/x-image"}}
            began = time.monotonic()
            read_channel(
                root / "data", "train", channels, wanted, root / "tmp", Console(io.StringIO())
            )
            speed = count / (time.monotonic() - began)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            load = os.getloadavg()[0]
            print(
                f"{title:21s}  {speed:8.0f}  {speed / trained:10.1f}  {peak:8.0f}  {load:4.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
