"""A small archive in CIFAR-100's form whose bicycles and motorcycles are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bakehouse.datasets.drawn import draw_vehicles
from bakehouse.datasets.labelled import Labelled
from support.cifar_archives import members, python2_pickle, write_archive

BICYCLE, MOTORCYCLE = 8, 48
_OTHERS = 3  # of every four pictures, as many are of other things


def drawn_archive(path: Path, *, train: int, test: int) -> Path:
    """Write an archive with so many pictures of each vehicle to learn from and to judge by."""
    drawn = draw_vehicles(seed=1, train=train, test=test)
    names = [b"thing_%d" % number for number in range(100)]
    names[BICYCLE], names[MOTORCYCLE] = b"bicycle", b"motorcycle"
    content = members(
        train=python2_pickle(_batch(drawn.train)),
        test=python2_pickle(_batch(drawn.test)),
        meta=python2_pickle({b"fine_label_names": names}),
    )
    return write_archive(path, content)


def _batch(drawn: Labelled) -> dict[bytes, Any]:
    """Rows of three planes, with rows of other things between the vehicles."""
    count = len(drawn) * (_OTHERS + 1)
    noise = np.random.default_rng(count).integers(0, 256, (count, 3072)).astype(np.uint8)
    noise[:: _OTHERS + 1] = drawn.images.transpose(0, 3, 1, 2).reshape(-1, 3072)
    labels = [0] * count
    names = [b"thing_s_%06d.png" % row for row in range(count)]
    for place, label in enumerate(drawn.labels):
        row = place * (_OTHERS + 1)
        labels[row] = (BICYCLE, MOTORCYCLE)[label]
        names[row] = drawn.names[place].encode()
    return {b"data": noise, b"fine_labels": labels, b"filenames": names}
