"""How well and how fast the built-in algorithm learns bicycles and motorcycles.

Each run is a whole training process with the three required hyperparameters only, then every test
image through the served model. With ``--folds`` nothing is measured on the test images: a fifth of
the 1,000 training images is held out instead, as when a recipe is chosen.

    python benchmarks/train_scones.py --archive cifar-100-python.tar.gz --seeds 3
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bakehouse.algorithms import ALGORITHMS
from bakehouse.datasets.cifar import load_cifar100
from bakehouse.datasets.folders import write_folder

FOLDS = 5
ALGORITHM = ALGORITHMS["image-classification"]


@dataclass(frozen=True, slots=True)
class Result:
    """One run: hits of so many, log loss, seconds by the clock and of computing, and the load."""

    hits: int
    of: int
    loss: float
    wall_s: float
    cpu_s: float
    load: float

    def __str__(self) -> str:
        return (
            f"{self.hits / self.of:8.4f}  {self.hits:4d}/{self.of}  {self.loss:8.4f}"
            f"  {self.wall_s:7.1f}  {self.cpu_s:6.1f}  {self.load:5.2f}"
        )


def run(images: Path, seed: int, fold: int | None, given: dict[str, str]) -> Result:
    """Train once and measure."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        check, lines = write_job(root, images, fold, given)
        before, load, began = cpu_s(), os.getloadavg()[0], time.monotonic()
        environment = os.environ | {"BAKEHOUSE_ML_ROOT": folder, "BAKEHOUSE_SEED": str(seed)}
        done = subprocess.run(
            ALGORITHM.train_argv, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        wall_s = time.monotonic() - began
        if done.returncode:
            raise SystemExit(done.stdout)
        hits, loss = measure(root / "model", check, lines)
        return Result(hits, len(lines), loss, wall_s, cpu_s() - before, load)


def write_job(
    root: Path, images: Path, fold: int | None, given: dict[str, str]
) -> tuple[Path, list[str]]:
    """Lay out a job; the folder and the list that it validates on."""
    train = (images / "train.lst").read_text().splitlines()
    check, check_folder = (images / "test.lst").read_text().splitlines(), images / "test"
    if fold is not None:
        order = np.random.default_rng(77).permutation(len(train))
        held = set(order[fold::FOLDS].tolist())
        check, check_folder = [line for i, line in enumerate(train) if i in held], images / "train"
        train = [line for i, line in enumerate(train) if i not in held]
    data = root / "input/data"
    for channel, source, lines in (
        ("train", images / "train", train),
        ("validation", check_folder, check),
    ):
        (data / f"{channel}_lst").mkdir(parents=True)
        (data / f"{channel}_lst" / "images.lst").write_text("\n".join(lines) + "\n")
        (data / channel).symlink_to(source)
    required = {"image_shape": "3,32,32", "num_classes": "2"}
    channels = ("train", "validation", "train_lst", "validation_lst")
    configuration = {
        "hyperparameters": required | {"num_training_samples": str(len(train))} | given,
        "inputdataconfig": {name: {"ContentType": "application/x-image"} for name in channels},
    }
    (root / "input/config").mkdir()
    for name, document in configuration.items():
        (root / "input/config" / f"{name}.json").write_text(json.dumps(document))
    return check_folder, check


def measure(model: Path, folder: Path, lines: Sequence[str]) -> tuple[int, float]:
    """Hits and mean log loss of the served model."""
    predictor = ALGORITHM.load(model, 1_000_000)
    hits, losses = 0, []
    for line in lines:
        _, label, name = line.split("\t")
        body, _ = predictor.predict((folder / name).read_bytes(), "image/png", None)
        probabilities = json.loads(body)
        hits += int(np.argmax(probabilities)) == int(float(label))
        losses.append(-np.log(max(probabilities[int(float(label))], 1e-12)))
    return hits, float(np.mean(losses))


def cpu_s() -> float:
    """Seconds of computing of all child processes that ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", action="store_true", help="hold out training images instead")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", dest="given")
    options = parser.parse_args()
    given = dict(pair.split("=", 1) for pair in options.given)
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        write_folder(images, load_cifar100(options.archive, ("8", "48")))
        print("seed  accuracy       hits  log loss   wall s   cpu s   load", flush=True)
        results = []
        for seed in range(options.seeds):
            fold = seed % FOLDS if options.folds else None
            results.append(run(images, seed, fold, given))
            print(f"{seed:4d}  {results[-1]}", flush=True)
    accuracies = [result.hits / result.of for result in results]
    print(
        f"mean {statistics.mean(accuracies):.4f}, spread {min(accuracies):.4f} to"
        f" {max(accuracies):.4f}; {statistics.mean(r.wall_s for r in results):.1f} s by the clock,"
        f" {statistics.mean(r.cpu_s for r in results):.1f} s of computing; {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
