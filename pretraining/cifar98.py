"""Pretrain the base that ships with the package: a small network on 98 classes of CIFAR-100.

Bicycles (fine label 8) and motorcycles (48) are left out, of the training and of the reported
accuracy, so that the workflow that tells them apart learns nothing from pictures of them here.

    python pretraining/cifar98.py --archive cifar-100-python.tar.gz --out cifar98.npz

Read it top to bottom. Nothing was tuned on the test images: the recipe is the one of
``docs/decisions/0003`` with a wider network, chosen before the first run; the test images of the 98
classes are evaluated for the report only. Every epoch leaves a checkpoint in ``--work``, from which
the same command goes on. Hardware, time and accuracy of the shipped weights are in the model card,
``docs/reference/pretrained-weights.md``.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.augment import augment, mix
from bakehouse.algorithms.image_classification.networks import as_float, small_network
from bakehouse.algorithms.image_classification.plan import Augmentation
from bakehouse.datasets.cifar import load_cifar100
from bakehouse.datasets.labelled import Labelled

LEFT_OUT = (8, 48)
WIDTHS = (32, 64, 192, 320)
SHAPE = (3, 32, 32)
BATCH, PEAK_RATE, MOMENTUM, WEIGHT_DECAY, WARM_UP = 256, 0.2, 0.9, 5e-4, 0.15
AVERAGING = 0.999
AUGMENTATION = Augmentation(shift=0.125, degrees=10, scale=0.15, aspect=0.1, mix=0.5)


def main() -> None:
    """Train, report and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("pretraining-work"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    names = [str(label) for label in range(100) if label not in LEFT_OUT]
    data = load_cifar100(options.archive, names)
    (pixels, labels), (checks, check_labels) = tensors(data.train), tensors(data.test)
    print(f"{len(pixels)} images to learn from, {len(checks)} to report on, {len(names)} classes")

    torch.manual_seed(options.seed)
    random = torch.Generator().manual_seed(options.seed)
    deviation, mean = torch.std_mean(pixels[::10].float(), dim=(0, 2, 3))
    network = small_network(SHAPE, len(names), WIDTHS, mean, deviation)
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    groups = [
        {"params": [w for w in network.parameters() if w.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [w for w in network.parameters() if w.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, PEAK_RATE, MOMENTUM, nesterov=True)
    batches = len(pixels) // BATCH
    steps = options.epochs * batches

    first, spent_s, curve = 0, 0.0, []
    checkpoint = options.work / "last.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        average.load_state_dict(kept["average"])
        optimizer.load_state_dict(kept["optimizer"])
        random.set_state(kept["random"])
        first, spent_s, curve = kept["epoch"], kept["seconds"], kept["curve"]
        print(f"goes on after epoch {first}")

    for epoch in range(first, options.epochs):
        began, hits, loss_sum = time.monotonic(), 0, 0.0
        network.train()
        order = torch.randperm(len(pixels), generator=random)
        for batch in range(batches):
            step = epoch * batches + batch
            for group in optimizer.param_groups:
                group["lr"] = PEAK_RATE * rate((step + 1) / steps)
            chosen = order[batch * BATCH : (batch + 1) * BATCH]
            images = augment(pixels[chosen].float(), AUGMENTATION, random)
            images, own = mix(images, AUGMENTATION.mix, random)
            targets = labels[chosen]
            with torch.autocast("cpu", torch.bfloat16):
                answers = network(images.contiguous(memory_format=torch.channels_last))
            answers = answers.float()
            loss = own * F.cross_entropy(answers, targets)
            loss = loss + (1 - own) * F.cross_entropy(answers, targets.flip(0))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            move(average, network, min(AVERAGING, (1 + step) / (10 + step)))
            hits += int((answers.argmax(1) == targets).sum())
            loss_sum += float(loss.detach())
        spent_s += time.monotonic() - began
        line = {
            "epoch": epoch + 1,
            "seconds": round(spent_s, 1),
            "loss": round(loss_sum / batches, 4),
            "train": round(hits / (batches * BATCH), 4),
        }
        if (epoch + 1) % 5 == 0 or epoch + 1 == options.epochs or epoch < 2:
            line["test"] = round(accuracy(average, checks, check_labels), 4)
        curve.append(line)
        print(json.dumps(line), f"load {os.getloadavg()[0]:.1f}", flush=True)
        state = {
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": random.get_state(),
            "epoch": epoch + 1,
            "seconds": spent_s,
            "curve": curve,
        }
        torch.save(state, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)

    about = {
        "name": "cifar98",
        "network": {"num_layers": None, "widths": WIDTHS},
        "image_shape": SHAPE,
        "classes": names,
        "seed": options.seed,
        "curve": curve,
    }
    write(options.out, average, about)
    (options.work / "curve.json").write_text(json.dumps(curve, indent=1))
    print(f"{options.out}: {options.out.stat().st_size} bytes")


def tensors(part: Labelled) -> tuple[Tensor, Tensor]:
    """The images as count x channels x rows x columns, and their labels."""
    pixels = np.ascontiguousarray(part.images.transpose(0, 3, 1, 2))
    return torch.from_numpy(pixels), torch.tensor(part.labels)


def rate(progress: float) -> float:
    """The learning rate of a moment from 0 to 1, as a share of its peak: up, then a cosine down."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))


def move(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Let the averaged weights follow the network's."""
    kept, new = average.state_dict(), network.state_dict()
    names = [name for name, value in kept.items() if value.is_floating_point()]
    torch._foreach_lerp_([kept[n] for n in names], [new[n] for n in names], 1 - decay)


@torch.inference_mode()
def accuracy(network: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """The share of images whose class is the likeliest, mean over the image and its mirror."""
    network.eval()
    hits = 0
    for start in range(0, len(pixels), 500):
        x = as_float(pixels[start : start + 500])
        answers = network(x).softmax(1) + network(x.flip(3)).softmax(1)
        hits += int((answers.argmax(1) == labels[start : start + 500]).sum())
    return hits / len(pixels)


def write(path: Path, network: nn.Module, about: dict[str, object]) -> None:
    """Write the weights: matrices as 16-bit floats, vectors as 32-bit ones; no pickles."""
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    kept = {n: v.astype(np.float16) if v.ndim > 1 else v for n, v in state.items()}
    content = io.BytesIO()
    np.savez_compressed(content, about=np.array(json.dumps(about)), **kept)
    path.write_bytes(content.getvalue())


if __name__ == "__main__":
    main()
