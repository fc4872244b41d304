"""How fast explicit hyperparameters train: images/s of a job's loop against a bare PyTorch loop.

Both train ResNet-18 for 3 x 32 x 32 in batches of 32, in this process, on pictures that are in
memory; they take turns, so that both meet the same machine.

    python benchmarks/training_speed.py --rounds 3
"""

from __future__ import annotations

import argparse
import io
import os
import re
import statistics
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.checkpoints import Checkpoints
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.distribution import World
from bakehouse.algorithms.image_classification.fit import Place, Task, fit
from bakehouse.algorithms.image_classification.hardware import this_machine, usable_cores
from bakehouse.algorithms.image_classification.hyperparameters import read_hyperparameters
from bakehouse.algorithms.image_classification.networks import Architecture, build
from bakehouse.algorithms.image_classification.objectives import OneClass
from bakehouse.algorithms.image_classification.plan import plan_for

SHAPE, BATCH, IMAGES = (3, 32, 32), 32, 704
ARCHITECTURE = Architecture(num_layers=18)


def ours(data: LabelledImages) -> float:
    """The loop's own figure: the time of an epoch as its log has it."""
    given = {"image_shape": "3,32,32", "num_classes": "2", "num_training_samples": str(IMAGES)}
    table = read_hyperparameters(
        given | {"num_layers": "18", "epochs": "1", "mini_batch_size": str(BATCH)}
    )
    plan = plan_for(table, this_machine(), strict_defaults=False)
    log = io.StringIO()
    console = Console(log)
    place = Place(
        console=console,
        checkpoints=Checkpoints(Path("/nonexistent"), {}, console),
        store=lambda epoch, network: "",
        halted=bool,
        world=World(),
        device=torch.device("cpu"),
        threads=usable_cores(),
    )
    task = Task(SHAPE, 2, IMAGES, None, None, 0)
    few = LabelledImages(data.images[:32], data.labels[:32])
    fit(plan, task, OneClass(), build(ARCHITECTURE, SHAPE, 2), data, few, place)
    seconds = re.search(r"Time cost=([0-9.]+)", log.getvalue())
    assert seconds is not None
    return IMAGES / float(seconds.group(1))


def bare(data: LabelledImages) -> float:
    """The shortest loop that does the same arithmetic."""
    pixels = torch.from_numpy(data.stacked()).float().contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(data.labels)
    network = build(ARCHITECTURE, SHAPE, 2).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=1e-4)
    began = time.monotonic()
    for start in range(0, IMAGES, BATCH):
        loss = F.cross_entropy(
            network(pixels[start : start + BATCH]), labels[start : start + BATCH]
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return IMAGES / (time.monotonic() - began)


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(usable_cores())
    random = np.random.default_rng(0)
    images = list(random.integers(0, 256, (IMAGES, *SHAPE), np.uint8))
    data = LabelledImages(images, np.arange(IMAGES) % 2)
    bare(data)  # the first one warms up
    print("round  job images/s  bare images/s  ratio   load", flush=True)
    ratios = []
    for number in range(rounds):
        mine, theirs = ours(data), bare(data)
        ratios.append(mine / theirs)
        load = os.getloadavg()[0]
        print(
            f"{number:5d}  {mine:12.1f}  {theirs:13.1f}  {ratios[-1]:5.3f}  {load:5.2f}", flush=True
        )
    print(f"ratio: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
